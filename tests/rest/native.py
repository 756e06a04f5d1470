"""A node with a channel and a client with a token, for tests of REST v2."""

import json
import re
from base64 import b64decode, b64encode
from functools import partial
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.access.tokens import Scope, Token, Tokens, digest_of
from dynamicrypt.node.metrics import NodeMetrics
from dynamicrypt.web.limits import Limits
from tests.rest.fake import FakeNode
from tests.rest.keys import KeyMaker, other_end
from tests.rest.site import fresh_site
from tests.web.talk import Client, Response, get, post

CHANNEL = "/v2/services/shop/channels/bank"
UP = b"Authorization: Bearer up"


def unb64(text: str) -> bytes:
    return b64decode(text, validate=True)


def b64(data: bytes | bytearray) -> str:
    return b64encode(data).decode()


def token(name: str, *scopes: Scope, rate: float | None = None) -> Token:
    return Token(
        id=f"app:{name}", digest=digest_of(name.encode()), scopes=frozenset(scopes), rate=rate
    )


class NativeCase(SynchronousTestCase):
    """`up` may do everything, `sender`, `reader` and `keys` have one scope each."""

    limits: Limits | None = None

    def setUp(self) -> None:
        self.clock = Clock()
        self.node = FakeNode(seconds=self.clock.seconds, later=partial(self.clock.callLater, 0))
        # The node's own numbers need links (tests.node.test_metrics).
        self.patch(NodeMetrics, "render", lambda metrics: b"")
        self.tokens = Tokens(
            [
                token("up", Scope.ADMIN),
                token("other", Scope.ADMIN),
                token("sender", Scope.ENCRYPT),
                token("reader", Scope.DECRYPT),
                token("keys", Scope.KEY_READ),
                token("slow", Scope.ADMIN, rate=2),
            ]
        )
        self.site = fresh_site(self.node, tokens=self.tokens, clock=self.clock, limits=self.limits)
        self.client = Client(self.site)
        self.node.create_service("shop", owner="app:up")
        self.channel = self.node.open_channel("shop", "bank", peer="there", owner="app:up")
        self.partner = other_end(self.channel, self.clock.seconds)
        self.maker = KeyMaker()

    def site_with(self, tokens: Tokens) -> None:
        """Another site of the node, for clients from now on."""
        self.site = fresh_site(self.node, tokens=tokens, clock=self.clock, limits=self.limits)

    def keys(self, count: int = 1) -> None:
        """Keys to send under; who waits for them has his turn."""
        self.maker.give(self.channel, self.partner, count)
        self.clock.advance(0)

    def partner_keys(self, count: int = 1) -> None:
        """Keys that the partner sends under."""
        self.maker.give(self.partner, self.channel, count)

    def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None = None,
        *headers: bytes,
        token: bytes = UP,
        client: Client | None = None,
    ) -> Response:
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        client = client or self.client
        if body is None:
            return client.ask(get(path, token, *headers, method=method))
        request = post(path, body, token, b"Content-Type: application/json", *headers)
        return client.ask(request.replace(b"POST", method.encode(), 1))

    def post(self, path: str, body: dict[str, Any], *headers: bytes, **more: Any) -> Response:
        return self.ask("POST", CHANNEL + path, body, *headers, **more)

    def request(self, path: str, body: dict[str, Any], *headers: bytes) -> bytes:
        """The bytes of a request on the channel."""
        more = (UP, b"Content-Type: application/json", *headers)
        return post(CHANNEL + path, json.dumps(body).encode(), *more)

    def another_client(self) -> Client:
        """A second connection."""
        return Client(self.site)

    def metrics(self) -> dict[str, float]:
        """Samples by name with labels, over a connection of its own."""
        text = self.another_client().ask(get("/metrics", UP)).body.decode()
        return {name: float(value) for name, value in re.findall(r"(?m)^([a-z]\S*) (\S+)$", text)}

    def hang_up(self) -> None:
        """Nothing is left to do for a client that leaves."""
        self.client.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def ok(self, response: Response, status: int = 200) -> Any:
        self.assertEqual(response.status, status, response.body)
        return json.loads(response.body)

    def problem(self, response: Response, code: str, status: int) -> dict[str, Any]:
        """The problem that the response is."""
        content: dict[str, Any] = json.loads(response.body)
        self.assertEqual((response.status, content["code"]), (status, code))
        self.assertEqual(response.headers[b"content-type"], b"application/problem+json")
        self.assertEqual(content["status"], status)
        self.assertEqual(content["type"], f"/v2/problems/{code}")
        self.assertTrue(content["advice"])
        return content
