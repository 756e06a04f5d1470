"""A site needs nothing of REST: routes, a dialect and a guard are given to it."""

from collections import Counter

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.web.fast import FastLane
from dynamicrypt.web.limits import Limits
from dynamicrypt.web.refusals import ForeignHostError
from dynamicrypt.web.reply import TEXT, Reply, send
from dynamicrypt.web.site import BoundedSite
from dynamicrypt.web.told import Root
from tests.web.talk import HOST, Client, Response, get, post

STATUSES = {"not_found": 404, "foreign_host": 403, "too_large": 413, "internal_error": 500}


class Plain:
    """Says the code of an error and the path."""

    def tell(self, error: DynamiCryptError, path: bytes) -> Reply:
        return Reply(STATUSES[error.code], b"%b at %b" % (error.code.encode(), path), TEXT)

    def stalled(self, error: DynamiCryptError, path: bytes) -> Reply | None:
        return Reply(408, b"late", TEXT) if path == b"/told" else None


class Echo(Resource):
    isLeaf = True

    def render(self, request: Request) -> bytes:
        assert request.content is not None
        body = request.content.read()
        if body == b"fail":
            raise ZeroDivisionError
        return send(request, Reply(200, body, TEXT))


def guard(request: Request) -> DynamiCryptError | None:
    return ForeignHostError("no") if request.requestHeaders.hasHeader(b"X-Stranger") else None


class SiteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.answered: Counter[int] = Counter()
        dialect = Plain()
        root = Root(dialect)
        root.putChild(b"echo", Echo())
        limits = Limits(body=10, connections=2)
        self.site = BoundedSite(
            root,
            reactor=self.clock,
            limits=limits,
            dialect=dialect,
            guard=guard,
            fast=FastLane(lambda path: None, body=limits.body),
            live_body=lambda request: None,
            answered=self.answered,
        )
        self.client = Client(self.site)

    def told(self, response: Response, status: int, text: bytes) -> None:
        self.assertEqual((response.status, response.body), (status, text))
        self.assertEqual(response.headers[b"cache-control"], b"no-store")
        self.assertNotIn(b"server", response.headers)

    def test_routes_answer(self) -> None:
        self.told(self.client.post("/echo", b"hello"), 200, b"hello")
        self.assertEqual(self.answered, {200: 1})

    def test_errors_are_told_in_the_dialect(self) -> None:
        self.told(self.client.ask(get("/nowhere")), 404, b"not_found at /nowhere")
        self.told(self.client.ask(get("/echo//x")), 404, b"not_found at /echo//x")
        self.told(self.client.ask(get("/echo", b"X-Stranger: 1")), 403, b"foreign_host at /echo")
        self.told(self.client.post("/echo", b"fail"), 500, b"internal_error at /echo")
        self.told(self.client.post("/echo?a", b"x" * 11), 413, b"too_large at /echo")
        self.assertEqual(self.answered, {404: 2, 403: 1, 500: 1, 413: 1})

    def test_the_site_as_a_whole_is_a_path_that_is_nowhere(self) -> None:
        for method in (b"OPTIONS", b"GET"):
            asked = method + b" * HTTP/1.1\r\n" + HOST
            self.told(self.client.ask(asked + b"\r\n"), 404, b"not_found at /*")
            asked += b"X-Stranger: 1\r\n\r\n"
            self.told(self.client.ask(asked), 403, b"foreign_host at /*")

    def test_parts_of_the_site_have_one_spelling(self) -> None:
        for path in ("/%65cho", "/ech%6F", "/%2Fecho", "/echo%2F"):
            self.told(self.client.ask(get(path)), 404, f"not_found at {path}".encode())

    def test_a_path_without_a_slash_leads_nowhere(self) -> None:
        with capturedLogs() as logs:
            self.told(self.client.ask(get("echo")), 404, b"not_found at echo")
        self.assertEqual(logs, [])

    def test_slow_clients_are_told_where_the_dialect_has_words(self) -> None:
        for path, statuses in (("/told", [408]), ("/echo", [])):
            client = Client(self.site)
            client.send(post(path, b"hello")[:-1])
            self.clock.advance(self.site.limits.receive)
            self.assertEqual([each.status for each in client.received()], statuses)
            client.close()

    def test_connections_are_counted_in_and_out(self) -> None:
        second = Client(self.site)
        self.assertTrue(Client(self.site).refused)
        second.close()
        self.assertFalse(Client(self.site).refused)
