"""What a service says when it says all that it can, and things go wrong: nothing that is secret."""

import base64
import json
import os
import signal
import sys

from dynamicrypt.demo.daemon import Daemon
from tests.endtoend.service import eventually
from tests.endtoend.watched import Watched, WatchedTestCase, messages
from tests.foreign.application import UnexpectedAnswerError
from tests.witness import MASK

#: Python's development mode, every event of the log as text and as JSON with all its fields.
TALKATIVE = (sys.executable, "-X", "dev", "-m", "tests.witness", "--logger=tests.witness.talkative")
MESSAGES = 3


def forms(secret: bytes) -> list[str]:
    """The beginning of a secret in all the ways in which programs write bytes."""
    begin = secret[:12]
    signed = [byte - 256 if byte > 127 else byte for byte in begin]
    text = begin.decode("latin-1")
    shifted = [base64.b64encode(bytes(shift) + secret)[4:20].decode() for shift in range(3)]
    written = [repr(begin)[2:-1], json.dumps(text)[1:-1], text, str(list(begin))[1:-1]]
    return [*shifted, *written, str(signed)[1:-1], begin.hex(), begin.hex().upper()]


class ReportTests(WatchedTestCase):
    def end(self, daemon: Daemon) -> None:
        """These nodes have faults, and may have been killed."""
        daemon.stop()

    def provoke(self, text: str) -> None:
        """Requests that fail, each with something in it that is nobody's business."""
        channel = f"/v2/services/alice/channels/{self.alice.partner_name}"
        encoded = base64.b64encode(text.encode()).decode()
        word = text.replace(" ", "")
        for path, body in (
            ("/v1/options/encrypt", {"message": text}),
            ("/v1/options/encrypt", {"service_name": "alice", "message": text + "\ud800"}),
            ("/v1/options/" + word, {}),
            ("/v2/" + word, {"plaintext": encoded}),
            (channel + "/encrypt", {"plaintext": encoded, "mode": 3, "limit": 2}),
            (channel + "/encrypt", {"plaintext": text}),
            (channel + "/decrypt", {"ciphertext": encoded}),
            (channel + "/encrypt/" + word, {"plaintext": encoded}),
        ):
            self.alice.raw("POST", path, json.dumps(body).encode())
        self.alice.raw("POST", "/v1/options/encrypt", b'{"message": "' + text.encode())
        self.alice.raw("GET", "/v2/status", headers={"Authorization": "Bearer " + word})

    def live(self, wire: str, texts: list[str]) -> None:
        """A whole life on one wire, with a fault in a route and one in each connection."""
        self.start(
            "--profile",
            "fast",
            "--default-wire",
            wire,
            program=TALKATIVE,
            environment={"FAULTS": "1"},
        )
        self.alice.init("alice")
        self.bob.init("bob")
        self.alice.init_config("bob")
        self.bob.init_config("alice")
        self.assertTrue(eventually(lambda: self.alice.sync(self.bob.address, self.bob.port), 30))
        for application in (self.alice, self.bob):
            with self.assertRaisesRegex(UnexpectedAnswerError, "encrypt: 500"):
                application.encrypt(texts[0], 1)
        for mode in (1, 2):
            self.talk(texts, mode)
        self.provoke(texts[0])

    def fetch(self) -> bytes:
        """A key that an application gets."""
        path = f"/v2/services/alice/channels/{self.alice.partner_name}/keys/next?wait=10s"
        status, body = self.alice.raw("POST", path, b"")
        self.assertEqual(status, 200, body)
        return base64.b64decode(json.loads(body)["key"])

    def assertSaidNothing(self, texts: list[str], *delivered: bytes) -> None:
        for node in self.nodes:
            secrets = {secret for _, _, secret in node.heard() if secret}
            secrets |= {node.token.encode(), *delivered, *(text.encode() for text in texts)}
            secrets |= {text.replace(" ", "").encode() for text in texts}
            self.assertGreater(len(secrets), 10)
            said = self.said(node)
            self.assertEqual(
                [secret for secret in secrets if any(form in said for form in forms(secret))], []
            )

    def said(self, node: Watched) -> str:
        """All output, and all files but those that hold the node's own secrets."""
        kept = {"token", "identity.pem", "witness"}
        files = [file for file in node.state.rglob("*") if file.is_file() and file.name not in kept]
        return node.log + "".join(file.read_text() for file in files)

    def test_wire_2(self) -> None:
        texts = messages(MESSAGES)
        self.live("2", texts)
        key = self.fetch()
        self.assertEqual(self.alice.exit(), "ok")
        os.kill(self.nodes[1].pid, signal.SIGABRT)
        self.assertEqual(self.nodes[1].wait(20), -signal.SIGABRT)
        self.nodes[0].stop()
        for node in self.nodes:
            self.assertIn("a fault of wire 2", node.log)
            self.assertIn("#critical] LookupError in a request", node.log)
            self.assertIn('"log_format": "link up', node.log)
        self.assertIn("Fatal Python error: Aborted", self.nodes[1].log)
        self.assertSaidNothing(texts, key)

    def test_wire_1(self) -> None:
        texts = messages(MESSAGES)
        self.live("1", texts)
        for node in self.nodes:
            node.stop()
            self.assertIn("a fault of wire 1", node.log)
            self.assertIn("key born", node.log)
        self.assertSaidNothing(texts)

    def test_the_search_would_find_each_form(self) -> None:
        secret = bytes(range(200, 232))
        masked = bytes(byte ^ MASK for byte in secret)
        for said in (
            repr(secret),
            repr(bytearray(secret)),
            secret.hex(":", 64),
            secret.hex().upper(),
            json.dumps({"key": secret.decode("latin-1")}),
            str(list(secret)),
            str([byte - 256 for byte in secret]),
            base64.b64encode(secret).decode(),
            base64.b64encode(b"x" + secret).decode(),
            base64.b64encode(b"xy" + secret).decode(),
        ):
            self.assertTrue(any(form in said for form in forms(secret)), said)
            self.assertFalse(any(form in said for form in forms(masked)), said)
