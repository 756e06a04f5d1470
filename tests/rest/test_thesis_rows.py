"""Every row of the recorded REST dialogue with the 2019 program, and where we answer better."""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.rest.fake import FakeNode
from tests.rest.talk import Client, Response, fresh_site, get

ROWS = Path(__file__).parent.parent / "vectors" / "thesis-rest.jsonl"

INVALID = {"error": "invalid request"}
FAILED = {"error": "failed_decrypt"}

NO_500 = "no request is answered with 500 and the text of an exception"
NO_SUCH_MODE = "a mode that the channel does not have is an invalid request"
TRUTH = "sync says that it failed where that is known, and status whether machines synchronise"

#: Note of the row: our status, our body, and why it differs.
DEVIATIONS: dict[str, tuple[int, object, str]] = {
    "init wrong content-type": (
        415,
        {"error": "content type is not application/json"},
        "a web page can post text/plain to any port on localhost without asking",
    ),
    "encrypt mode 3, no key": (200, INVALID, NO_SUCH_MODE),
    "encrypt mode -1, no key": (200, INVALID, NO_SUCH_MODE),
    "encrypt mode 3 with keys": (200, INVALID, NO_SUCH_MODE),
    "encrypt mode 4 with keys": (200, INVALID, NO_SUCH_MODE),
    "decrypt mode 3": (200, INVALID, NO_SUCH_MODE),
    "sync refused port": (200, {"status": 0}, TRUTH),
    "status after refused sync": (200, {"status": 0}, TRUTH),
    "sync bad address": (200, {"status": 0}, TRUTH),
    "status after bad address": (200, {"status": 0}, TRUTH),
    "sync hostname": (200, {"status": 0}, TRUTH),
    "sync service never inited": (200, {"status": 0}, TRUTH),
    "sync port out of range": (200, {"status": 0}, TRUTH),
    "exit while not syncing": (200, {"status": "ok"}, "a registered service can always leave"),
    "decrypt with lower-case hash": (200, FAILED, NO_500),
    "decrypt wrong hash": (200, FAILED, NO_500),
    "decrypt not base64": (200, FAILED, NO_500),
    "decrypt 5 byte ct": (200, FAILED, NO_500),
    "decrypt empty ct": (200, FAILED, NO_500),
    "encrypt with a key forced by an anonymous peer (forged type 4)": (
        200,
        {"error": "wait"},
        "a stranger cannot make a service accept a key",
    ),
    "happy: exit B after": (
        200,
        {"status": "ok"},
        "losing the partner does not delete a service, so it can still leave",
    ),
}

#: The 2019 program took a message for a C string and encrypted what stands before its first NUL.
WHOLE_MESSAGES = {"message with NUL": "ab\0cd"}


def keys_arrive(node: FakeNode) -> None:
    service = node.services["svc"]
    service.live = service.keys = True
    service.fresh = 10


def partner_listens(node: FakeNode) -> None:
    node.partners.add(("127.0.0.1", 8772))


def first_key_of_the_pair(node: FakeNode) -> None:
    for name in ("service1", "app2"):
        node.services[name].live = node.services[name].keys = True
        node.services[name].fresh = 0


def partner_left(node: FakeNode) -> None:
    node.services["app2"].live = False


def register_victim(node: FakeNode) -> None:
    node.register("victim", owner="anonymous")


#: What happened, unrecorded, before the row of this note.
EVENTS: dict[str, Callable[[FakeNode], None]] = {
    "mode2 encrypt #0": keys_arrive,
    "encrypt with a key forced by an anonymous peer (forged type 4)": register_victim,
    "happy: sync": partner_listens,
    "happy: encrypt A mode 1": first_key_of_the_pair,
    "happy: status A after": partner_left,
}


def rows() -> Iterator[dict[str, Any]]:
    for line in ROWS.read_text().splitlines():
        yield json.loads(line)


class ThesisRowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.node = FakeNode()
        self.client = Client(fresh_site(self.node))
        #: Recorded ciphertext: ours of the same message.
        self.ciphertexts: dict[str, str] = {}

    def ask(self, row: dict[str, Any]) -> Response:
        body = row["request_body"]
        for theirs, ours in self.ciphertexts.items():
            body = body.replace(json.dumps(theirs), json.dumps(ours))
        if row["method"] == "GET":
            return self.client.ask(get(row["path"]))
        content_type = "text/plain" if "wrong content-type" in row["note"] else "application/json"
        header = f"Content-Type: {content_type}".encode()
        return self.client.post(row["path"], body.encode(), header)

    def test_each_row_holds_or_is_answered_better(self) -> None:
        seen = set()
        for row in rows():
            note = row["note"]
            EVENTS.get(note, lambda _: None)(self.node)
            answer = self.ask(row)
            if note in DEVIATIONS:
                seen.add(note)
                status, body, reason = DEVIATIONS[note]
                self.assertTrue(reason)
                self.assertEqual((answer.status, json.loads(answer.body)), (status, body), note)
            else:
                self.assertEqual(answer.status, row["status"], note)
                self.compare(note, row, answer.body.decode())
        self.assertEqual(seen, set(DEVIATIONS))

    def compare(self, note: str, row: dict[str, Any], body: str) -> None:
        """The same text, but for what differs from run to run: digits, port, ciphertext."""
        expected = row["response_body"]
        if row["path"].endswith("/init") and "service_name" in expected:
            theirs, ours = json.loads(expected), json.loads(body)
            self.assertEqual(list(ours), list(theirs))
            self.assertEqual(ours["address_of_this_tpm"], theirs["address_of_this_tpm"])
            self.assertIs(type(ours["port_of_this_tpm"]), int)
            asked = json.loads(row["request_body"])["service_name"].partition("\0")[0]
            renamed = theirs["service_name"] != asked
            pattern = re.escape(asked) + (r"[0-9]+" if renamed else "")
            self.assertRegex(ours["service_name"], f"^{pattern}$")
        elif '"hash"' in expected:
            theirs, ours = json.loads(expected), json.loads(body)
            self.assertEqual(list(ours), list(theirs))
            self.assertEqual(ours["mode"], theirs["mode"])
            if note in WHOLE_MESSAGES:
                whole = sha256(WHOLE_MESSAGES[note].encode()).hexdigest().upper()
                self.assertEqual(ours["hash"], whole)
            else:
                self.assertEqual(ours["hash"], theirs["hash"])
            b64decode(ours["message"].removesuffix("\n"), validate=True)
            self.assertTrue(ours["message"].endswith("\n"))
            self.ciphertexts[theirs["message"]] = ours["message"]
        else:
            self.assertEqual(body, expected, note)
