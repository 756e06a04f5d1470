"""Sites: what is served on one listening port, within limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import quote_from_bytes, unquote_to_bytes

from klein.resource import KleinResource
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.web.body import Body, BodyTooLargeError, LiveBody
from dynamicrypt.web.channel import BoundedChannel
from dynamicrypt.web.fast import FastLane
from dynamicrypt.web.head import ResponseWriter
from dynamicrypt.web.host import Dialect
from dynamicrypt.web.limits import Limits
from dynamicrypt.web.request import BoundedRequest
from dynamicrypt.web.told import Told, no_page

#: Why a request must not reach any route; None if it may.
Guard: TypeAlias = Callable[[Request], DynamiCryptError | None]
#: See Host.live_body.
LiveBodies: TypeAlias = Callable[[Request], LiveBody | None]


class BoundedSite(Site):
    """Serves the routes below `root` to whom the guard lets in, within the limits.

    The names in the paths of Klein's routes come percent-encoded.

    Answers are counted in `answered`, by status. It keeps no access log: paths and user agents are
    nobody's business.
    """

    protocol = BoundedChannel  # type: ignore[assignment]  # twisted wraps it for HTTP/2
    requestFactory = BoundedRequest
    noisy = False

    def __init__(
        self,
        root: IResource,
        *,
        reactor: IReactorTime,
        limits: Limits,
        dialect: Dialect,
        guard: Guard,
        fast: FastLane,
        live_body: LiveBodies,
        answered: Counter[int],
    ) -> None:
        super().__init__(root, reactor=reactor, timeout=limits.idle, parsePOSTFormSubmission=False)
        self.limits = limits
        self.dialect = dialect
        self.fast = fast
        self.answered = answered
        self.writer = ResponseWriter()
        self._guard = guard
        self._live_body = live_body
        self._connections = 0

    def startFactory(self) -> None:
        """Open no access log, and start none of its timers."""

    def buildProtocol(self, addr: IAddress | None) -> BoundedChannel | None:  # type: ignore[override]  # as above
        """A channel for a new connection; None, which closes it, if there are too many."""
        if self._connections >= self.limits.connections:
            return None
        self._connections += 1
        channel: BoundedChannel | None = super().buildProtocol(addr)
        return channel

    def connection_closed(self) -> None:
        """Count a connection out."""
        self._connections -= 1

    def live_body(self, request: Request) -> LiveBody | None:
        """The body of a request whose head has come, if it is to be used up as it comes."""
        return self._live_body(request)

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
        refused = self._guard(request)
        if refused is not None:
            return Told(refused, self.dialect)
        if isinstance(request.content, LiveBody):
            return request.content.end()
        if b"//" in request.path:
            return no_page(self.dialect)  # Werkzeug would take it for one slash
        if not request.path.isascii() or b"%" in request.path:
            try:
                unquote_to_bytes(request.path).decode()
            except UnicodeDecodeError:
                return no_page(self.dialect)  # Klein would log every such path
        route: IResource = super().getResourceFor(request)
        if isinstance(route, KleinResource):
            # Klein joins the parts of the path again, and a name may have a slash in it.
            request.postpath = [
                quote_from_bytes(each, "").encode("ascii") for each in request.postpath or ()
            ]
        elif request.postpath:
            return no_page(self.dialect)  # below a page there is nothing
        return route
