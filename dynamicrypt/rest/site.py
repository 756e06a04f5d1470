"""The site: guard, limits and routes, put together for one listening port."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.python.failure import Failure
from twisted.web.http import Request as HTTPRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from dynamicrypt.node.node import Node
from dynamicrypt.rest.channel import ApiChannel, Body, BodyTooLargeError, Limits
from dynamicrypt.rest.fault import internal_error
from dynamicrypt.rest.fixed import NO_ROUTE
from dynamicrypt.rest.guard import refusal
from dynamicrypt.rest.shortcut import Shortcut
from dynamicrypt.rest.tokens import Tokens
from dynamicrypt.rest.v1 import HOT, RestV1


def make_site(
    node: Node,
    *,
    tokens: Tokens | None,
    reactor: IReactorTime,
    limits: Limits | None = None,
) -> ApiSite:
    """The site of a node's REST interface; bind it to loopback or a UNIX socket only.

    `tokens` open it; None opens its v1 routes to every local program (`--api-auth none`).
    """
    root = _Root()
    root.putChild(b"v1", Shortcut(RestV1(node, tokens).app, b"/v1", hot=HOT))
    return ApiSite(root, reactor=reactor, limits=limits or Limits())


class ApiRequest(Request):
    """A request whose answer is JSON unless a route says otherwise."""

    defaultContentType = b"application/json"

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer 500 without detail; twisted.web would log the exception's message."""
        body = internal_error(self, reason)
        if self.channel is not None and not self.startedWriting:
            self.setHeader(b"Content-Length", b"%d" % len(body))
            self.write(body)
            self.finish()
        return reason


class ApiSite(Site):
    """Serves the routes below `root` to whom the guard lets in, within the limits.

    It keeps no access log: paths and user agents are nobody's business.
    """

    protocol = ApiChannel  # type: ignore[assignment]  # twisted wraps it for HTTP/2
    requestFactory = ApiRequest

    def __init__(self, root: IResource, *, reactor: IReactorTime, limits: Limits) -> None:
        super().__init__(root, reactor=reactor, timeout=limits.idle, parsePOSTFormSubmission=False)
        self.limits = limits
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
        refused = refusal(request)
        if refused is not None:
            return refused
        if not request.path.isascii() or b"%" in request.path:
            try:
                unquote_to_bytes(request.path).decode()
            except UnicodeDecodeError:
                return NO_ROUTE  # Klein would log every such path
        route: IResource = super().getResourceFor(request)
        return route


class _Root(Resource):
    def getChild(self, path: bytes, request: HTTPRequest) -> Resource:
        return NO_ROUTE
