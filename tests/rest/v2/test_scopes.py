"""Which token may do what: the table of docs/rest-v2.md against the service."""

import re
from pathlib import Path

from tests.rest.native import CHANNEL, NativeCase

DOCUMENT = Path(__file__).parents[3] / "docs" / "rest-v2.md"
#: Tokens of NativeCase with one scope each.
HOLDERS = {"encrypt": "sender", "decrypt": "reader", "key:read": "keys"}
KEY = f"{CHANNEL}/keys/00000000-0000-0000-0000-000000000000"
#: What needs which scope; streams are not in the table of routes.
NEEDED = {
    f"{CHANNEL}/encrypt": "encrypt",
    f"{CHANNEL}/batch/encrypt": "encrypt",
    f"{CHANNEL}/decrypt": "decrypt",
    f"{CHANNEL}/batch/decrypt": "decrypt",
    f"{CHANNEL}/keys/next": "key:read",
    KEY: "key:read",
}


class ScopeTests(NativeCase):
    def test_messages_and_keys_need_the_scope_that_is_written(self) -> None:
        for path, needed in NEEDED.items():
            for scope, holder in HOLDERS.items():
                given = b"Authorization: Bearer " + holder.encode()
                status = self.ask("POST", path, {}, token=given).status
                self.assertEqual(status == 403, scope != needed, (path, scope))

    def test_document_says_the_same(self) -> None:
        row = re.compile(r"^\| POST `C(/\S+)`[^|]*\| `([a-z:]+)` \|", re.MULTILINE)
        rows = row.findall(DOCUMENT.read_text())
        written = {f"{CHANNEL}{path}": scope for path, scope in rows if "stream" not in path}
        written[KEY] = written.pop(f"{CHANNEL}/keys/ID")
        self.assertEqual(written, NEEDED)
