"""A bare twisted.web Resource that seals messages: what the API's hot path is compared with.

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


class Encrypt(Resource):
    """The work of `encrypt` in mode 1, and nothing around it."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        binding = channel_binding(((bytes(32), "shop"), (bytes([1]) * 32, "bank")))
        self.cipher = ChannelCipher(0, binding, KeyStore())
        self.digest = hashlib.sha256(TOKEN.encode()).digest()
        self.give_key()

    def keep_giving(self) -> None:
        """A key now and then, as a channel gets them."""
        self.give_key()
        reactor.callLater(1.0, self.keep_giving)

    def give_key(self) -> None:
        """One key, ready."""
        store = self.cipher.store
        key_id = secrets.token_bytes(16)
        store.add(key_id, secrets.token_bytes(32), owner=True, now=time.monotonic())
        store.confirm(key_id)

    def render_POST(self, request: Request) -> bytes:
        """Seal a message."""
        (given,) = request.requestHeaders.getRawHeaders(b"Authorization", [b""])
        digest = hashlib.sha256(given.removeprefix(b"Bearer ")).digest()
        if not hmac.compare_digest(digest, self.digest):
            request.setResponseCode(401)
            return b""
        assert request.content is not None
        request.setHeader(b"Content-Type", b"application/json")
        return self.work(request.content.read())

    def work(self, body: bytes) -> bytes:
        """What is left without HTTP."""
        asked = orjson.loads(body)
        plaintext = base64.b64decode(asked["plaintext"], validate=True)
        envelope = self.cipher.seal(plaintext, asked["mode"], b"", time.monotonic())
        return orjson.dumps(
            {
                "mode": asked["mode"],
                "key_id": str(uuid.UUID(bytes=parse(envelope).key_id)),
                "ciphertext": base64.b64encode(envelope).decode("ascii"),
            }
        )


class _UntilClosed(Protocol):
    def connectionLost(self, reason: Failure = connectionDone) -> None:
        reactor.stop()


if __name__ == "__main__":
    resource = Encrypt()
    resource.keep_giving()
    site = Site(resource, parsePOSTFormSubmission=False)
    port = reactor.listenTCP(0, site, interface="127.0.0.1", backlog=128)
    print(port.getHost().port, flush=True)
    StandardIO(_UntilClosed())
    reactor.run()
