"""Two applications that use all of REST v2 that holds secrets, which are known afterwards."""

import base64
import json
import os
from typing import Any

from tests.endtoend.watched import WatchedTestCase
from tests.foreign.application import Application, introduce
from tests.process_memory import pieces

#: Messages of each kind, and bytes of a stream.
MESSAGES = 4
STREAM = 300_000


class NativeTestCase(WatchedTestCase):
    """Keeps the messages, keys and streams that went through its two nodes."""

    def setUp(self) -> None:
        super().setUp()
        #: By kind.
        self.secrets: dict[str, list[bytes]] = {}

    def fresh(self, kind: str, size: int = 32) -> str:
        """A secret of a kind, in base64."""
        secret = os.urandom(size)
        self.secrets.setdefault(kind, []).append(secret)
        return base64.b64encode(secret).decode()

    def ask(self, who: Application, path: str, body: Any = None, **headers: str) -> Any:
        place = f"/v2/services/{who.service_name}/channels/{who.partner_name}"
        sent = {**who.headers, **{name.replace("_", "-"): of for name, of in headers.items()}}
        content = b"" if body is None else json.dumps(body).encode()
        status, answer = who.raw("POST", place + path, content, sent)
        self.assertEqual(status, 200, answer)
        return json.loads(answer)

    def assertSameKey(self, came: Any, taken: Any) -> None:
        """Both sides have the key; how long it can be fetched is told to who takes it first."""
        self.assertEqual(came, {"key_id": taken["key_id"], "key": taken["key"]})

    def decrypt(self, envelope: str, **headers: str) -> None:
        self.ask(self.bob, "/decrypt", {"ciphertext": envelope}, **headers)

    def messages(self, size: int) -> None:
        for mode, more in ((1, {}), (2, {}), (3, {"limit": 3}), (4, {"pieces": 3})):
            for _ in range(MESSAGES):
                plaintext = self.fresh(f"mode {mode}, {size} bytes", size)
                body = {"plaintext": plaintext, "mode": mode, **more}
                sealed = self.ask(self.alice, "/encrypt?wait=20s", body)
                for each in sealed.get("pieces", [sealed]):
                    self.decrypt(each["ciphertext"])

    def batch(self) -> None:
        items = [{"plaintext": self.fresh("batch")} for _ in range(MESSAGES)]
        sealed = self.ask(self.alice, "/batch/encrypt?wait=20s", {"items": items})
        items = [{"ciphertext": item["ciphertext"]} for item in sealed["items"]]
        self.ask(self.bob, "/batch/decrypt", {"items": items})

    def kept(self) -> None:
        """Answers that are kept for who asks again."""
        for number in range(MESSAGES):
            body = {"plaintext": self.fresh("kept")}
            sealed = self.ask(self.alice, "/encrypt?wait=20s", body)
            for _ in range(2):
                self.decrypt(sealed["ciphertext"], Idempotency_Key=f"once {number}")
            taken = self.ask(self.alice, "/keys/next?wait=20s", Idempotency_Key=f"key {number}")
            for _ in range(2):
                path = f"/keys/{taken['key_id']}"
                again = self.ask(self.bob, path, Idempotency_Key=f"key {number}")
                self.assertSameKey(again, taken)
            self.secrets.setdefault("key", []).append(base64.b64decode(taken["key"]))

    def delivered(self) -> None:
        for _ in range(MESSAGES):
            taken = self.ask(self.alice, "/keys/next?wait=20s")
            self.assertSameKey(self.ask(self.bob, f"/keys/{taken['key_id']}"), taken)
            self.secrets.setdefault("key", []).append(base64.b64decode(taken["key"]))

    def stream(self) -> None:
        body = os.urandom(STREAM)
        self.secrets["stream"] = pieces([body])
        for who, path in ((self.alice, "/stream/encrypt"), (self.bob, "/stream/decrypt")):
            headers = {**who.headers, "Content-Type": "application/octet-stream"}
            place = f"/v2/services/{who.service_name}/channels/{who.partner_name}"
            who.connection.request("POST", place + path, body, headers)
            response = who.connection.getresponse()
            self.assertEqual(response.status, 200)
            body = response.read()
        self.assertEqual(pieces([body]), self.secrets["stream"])

    def converse_natively(self) -> None:
        """Everything, between services that the two introduce to each other."""
        self.assertTrue(introduce(self.alice, self.bob, ("alice", "bob")))
        for size in (32, 100_000):
            self.messages(size)
        self.batch()
        self.kept()
        self.delivered()
        self.stream()
