"""A bare twisted.web Resource that seals and opens messages: what the API is compared with.

Run as a program it prints its port, and serves until its standard input ends.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
import uuid
from typing import Any

import orjson
from twisted.internet import reactor as installed_reactor
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.envelope import channel_binding, parse
from dynamicrypt.keys.store import KeyStore

reactor: Any = installed_reactor
#: What the requests carry.
TOKEN = "dct_of_the_benchmark"  # noqa: S105 - opens nothing but this


class Work:
    """What the API does for a message or a batch, and nothing around it: the body to the answer.

    It has both ends of a channel, so it opens what it sealed.
    """

    def __init__(self) -> None:
        binding = channel_binding(((bytes(32), "shop"), (bytes([1]) * 32, "bank")))
        self.sender = ChannelCipher(0, binding, KeyStore())
        self.receiver = ChannelCipher(1, binding, KeyStore())
        self.operations = {
            "encrypt": self.encrypt,
            "decrypt": self.decrypt,
            "batch/encrypt": self.encrypt_batch,
            "batch/decrypt": self.decrypt_batch,
        }
        self.give_key()

    def give_key(self) -> None:
        """One key, ready."""
        key_id, key = secrets.token_bytes(16), secrets.token_bytes(32)
        for end, owner in ((self.sender, True), (self.receiver, False)):
            end.store.add(key_id, key, owner=owner, now=time.monotonic())
        self.sender.store.confirm(key_id)

    def encrypt(self, body: bytes) -> bytes:
        """Seal a message."""
        asked = orjson.loads(body)
        plaintext = base64.b64decode(asked["plaintext"], validate=True)
        envelope = self.sender.seal(plaintext, asked["mode"], b"", time.monotonic())
        return orjson.dumps(
            {
                "mode": asked["mode"],
                "key_id": str(uuid.UUID(bytes=parse(envelope).key_id)),
                "ciphertext": base64.b64encode(envelope).decode("ascii"),
            }
        )

    def decrypt(self, body: bytes) -> bytes:
        """Open a message."""
        envelope = base64.b64decode(orjson.loads(body)["ciphertext"], validate=True)
        plaintext = self.receiver.open(envelope, b"", time.monotonic())
        header = parse(envelope)
        return orjson.dumps(
            {
                "plaintext": base64.b64encode(plaintext).decode("ascii"),
                "mode": header.mode,
                "key_id": str(uuid.UUID(bytes=header.key_id)),
            }
        )

    def encrypt_batch(self, body: bytes) -> bytes:
        """Seal a batch."""
        asked = orjson.loads(body)
        messages = [(base64.b64decode(each["plaintext"]), b"") for each in asked["items"]]
        sealed = self.sender.seal_batch(messages, asked["mode"], time.monotonic())
        return self._answer("ciphertext", sealed)

    def decrypt_batch(self, body: bytes) -> bytes:
        """Open a batch."""
        items = orjson.loads(body)["items"]
        envelopes = [(base64.b64decode(each["ciphertext"]), b"") for each in items]
        return self._answer("plaintext", self.receiver.open_batch(envelopes, time.monotonic()))

    def _answer(self, name: str, results: list[Any]) -> bytes:
        items = [{name: base64.b64encode(each).decode("ascii")} for each in results]
        return orjson.dumps({"items": items})


class Bare(Resource):
    """The work behind HTTP and a token."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.work = Work()
        self.digest = hashlib.sha256(TOKEN.encode()).digest()

    def keep_giving(self) -> None:
        """A key now and then, as a channel gets them."""
        self.work.give_key()
        reactor.callLater(1.0, self.keep_giving)

    def render_POST(self, request: Request) -> bytes:
        """Do what the path names."""
        (given,) = request.requestHeaders.getRawHeaders(b"Authorization", [b""])
        digest = hashlib.sha256(given.removeprefix(b"Bearer ")).digest()
        if not hmac.compare_digest(digest, self.digest):
            request.setResponseCode(401)
            return b""
        assert request.content is not None
        request.setHeader(b"Content-Type", b"application/json")
        return self.work.operations[request.path[1:].decode()](request.content.read())


class _UntilClosed(Protocol):
    def connectionLost(self, reason: Failure = connectionDone) -> None:
        reactor.stop()


if __name__ == "__main__":
    resource = Bare()
    resource.keep_giving()
    site = Site(resource, parsePOSTFormSubmission=False)
    port = reactor.listenTCP(0, site, interface="127.0.0.1", backlog=128)
    print(port.getHost().port, flush=True)
    StandardIO(_UntilClosed())
    reactor.run()
