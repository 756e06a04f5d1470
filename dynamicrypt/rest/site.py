"""The site: guard, limits and routes, put together for one listening port."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import cast
from urllib.parse import unquote_to_bytes

from klein.resource import KleinResource
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import Request as HTTPRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from dynamicrypt.node.metrics import CONTENT_TYPE, NodeMetrics
from dynamicrypt.node.node import Node
from dynamicrypt.rest.channel import ApiChannel, Body, BodyTooLargeError, Limits
from dynamicrypt.rest.counters import MetricsPage, RestCounters
from dynamicrypt.rest.fast import Answer, FastLane
from dynamicrypt.rest.fault import internal_error, log_fault
from dynamicrypt.rest.fixed import NO_ROUTE, Refusal, is_native
from dynamicrypt.rest.guard import refusal
from dynamicrypt.rest.head import ResponseWriter
from dynamicrypt.rest.health import Health, Readiness
from dynamicrypt.rest.operation import Desk
from dynamicrypt.rest.problem import problem_reply
from dynamicrypt.rest.refusals import InternalError, NoSuchPageError
from dynamicrypt.rest.reply import send
from dynamicrypt.rest.stream_body import StreamBody, StreamEnd
from dynamicrypt.rest.stream_log import StreamLog
from dynamicrypt.rest.streaming import StreamGate, is_stream
from dynamicrypt.rest.tokens import Scope, Tokens
from dynamicrypt.rest.v1 import HOT, RestV1
from dynamicrypt.rest.v2 import OPERATIONS, RestV2


def make_site(
    node: Node,
    *,
    tokens: Tokens,
    open_v1: bool,
    reactor: IReactorTime,
    limits: Limits | None = None,
) -> ApiSite:
    """The site of a node's REST interface; bind it to loopback or a UNIX socket only.

    `tokens` open it; with `open_v1` its v1 routes are open to every local program, too
    (`--api-auth none`).
    """
    limits = limits or Limits()
    desk = Desk(tokens, clock=reactor, rate=limits.rate)
    v1 = RestV1(node, desk, open=open_v1)
    log = StreamLog(desk.counters, reactor.seconds)
    v2 = RestV2(node, desk, log, reactor=reactor)
    root = _Root()
    root.putChild(b"v1", v1.app.resource())
    root.putChild(b"v2", v2.app.resource())
    root.putChild(b"healthz", Health())
    root.putChild(b"readyz", Readiness(node))
    admit = partial(desk.admit, Scope.METRICS)
    sources = NodeMetrics(node).render, desk.counters.render
    root.putChild(b"metrics", MetricsPage(admit, CONTENT_TYPE, *sources))
    streams = StreamGate(node, desk, log, reactor=reactor)
    fast = FastLane(_HotPaths(v1, v2).find, body=limits.body)
    return ApiSite(
        root, reactor=reactor, limits=limits, streams=streams, fast=fast, counters=desk.counters
    )


class _HotPaths:
    """The paths of the fast lane."""

    def __init__(self, v1: RestV1, v2: RestV2) -> None:
        self._exact: dict[bytes, Answer] = {
            b"/v1/options/" + endpoint.encode("ascii"): partial(v1.answer, endpoint)
            for endpoint in HOT
        }
        self._on_channel: dict[bytes, Answer] = {
            operation.path.partition("{partner}")[2].encode("ascii"): partial(v2.answer, operation)
            for operation in OPERATIONS
            if operation.hot
        }

    def find(self, path: bytes) -> tuple[Answer, Mapping[str, str]] | None:
        """What answers the path, and the names in it."""
        answer = self._exact.get(path)
        if answer is not None:
            return answer, {}
        parts = path.split(b"/", 6)
        if len(parts) != 7 or parts[:3] != [b"", b"v2", b"services"] or parts[4] != b"channels":
            return None
        answer = self._on_channel.get(b"/" + parts[6])
        if answer is None or not parts[3] or not parts[5]:
            return None
        return answer, {"service": parts[3].decode("ascii"), "partner": parts[5].decode("ascii")}


class ApiRequest(Request):
    """A request whose answer is JSON unless a route says otherwise."""

    defaultContentType = b"application/json"

    @property
    def streams(self) -> bool:
        """Whether its body goes through a cipher as it comes."""
        return isinstance(self.content, StreamBody)

    def begin(self, method: bytes, uri: bytes, version: bytes) -> None:
        """Know what is asked before the body is there."""
        self.method, self.uri, self.clientproto = method, uri, version
        self.path = uri.partition(b"?")[0]

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - twisted.web calls it
        """Make room for the body; raises BodyTooLargeError, RefusedEarlyError."""
        stream = cast("ApiChannel", self.channel).factory.streams.body(self)
        if stream is None:
            super().gotLength(length)
        else:
            self.content = stream

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer 500 without detail; twisted.web would log the exception's message."""
        if is_native(self.path):
            log_fault(reason)
            reply = problem_reply(InternalError("a fault of the node"), self.path)
        else:
            reply = internal_error(reason)
        if self.channel is not None and not self.startedWriting:
            self.write(send(self, reply))
            self.finish()
        return reason


class ApiSite(Site):
    """Serves the routes below `root` to whom the guard lets in, within the limits.

    It keeps no access log: paths and user agents are nobody's business.
    """

    protocol = ApiChannel  # type: ignore[assignment]  # twisted wraps it for HTTP/2
    requestFactory = ApiRequest

    def __init__(
        self,
        root: IResource,
        *,
        reactor: IReactorTime,
        limits: Limits,
        streams: StreamGate,
        fast: FastLane,
        counters: RestCounters,
    ) -> None:
        super().__init__(root, reactor=reactor, timeout=limits.idle, parsePOSTFormSubmission=False)
        self.limits = limits
        self.streams = streams
        self.fast = fast
        self.counters = counters
        self.writer = ResponseWriter()
        self._connections = 0

    def startFactory(self) -> None:
        """Open no access log, and start none of its timers."""

    def buildProtocol(self, addr: IAddress | None) -> ApiChannel | None:  # type: ignore[override]  # as above
        """A channel for a new connection; None, which closes it, if there are too many."""
        if self._connections >= self.limits.connections:
            return None
        self._connections += 1
        channel: ApiChannel | None = super().buildProtocol(addr)
        return channel

    def connectionClosed(self) -> None:
        """Count a connection out."""
        self._connections -= 1

    def getContentFile(self, length: int | None) -> Body:
        """Memory for a body of this length, None if it is chunked; raises BodyTooLargeError.

        twisted.web's own puts long and chunked bodies into a temporary file, plaintext and all.
        """
        if length is not None and length > self.limits.body:
            raise BodyTooLargeError
        return Body(self.limits.body)

    def getResourceFor(self, request: Request) -> IResource:
        """The resource that answers: the guard's refusal, or the route's."""
        # Which version of what runs here is nobody's business either.
        request.responseHeaders.removeHeader(b"Server")
        refused = refusal(request, streams=is_stream(request.path), typed=is_native(request.path))
        if refused is not None:
            return Refusal(refused)
        if isinstance(request.content, StreamBody):
            return StreamEnd()
        if b"//" in request.path or b"%2F" in request.path.upper():
            return _NoPage()  # Werkzeug would take either for one slash
        if not request.path.isascii() or b"%" in request.path:
            try:
                unquote_to_bytes(request.path).decode()
            except UnicodeDecodeError:
                return _NoPage()  # Klein would log every such path
        route: IResource = super().getResourceFor(request)
        if request.postpath and not isinstance(route, KleinResource):
            return _NoPage()  # below a page there is nothing
        return route


class _Root(Resource):
    def getChild(self, path: bytes, request: HTTPRequest) -> Resource:
        return _NoPage()


class _NoPage(Resource):
    isLeaf = True

    def render(self, request: Request) -> bytes:
        if is_native(request.path):
            return send(request, problem_reply(NoSuchPageError("no such path"), request.path))
        return NO_ROUTE.render(request)
