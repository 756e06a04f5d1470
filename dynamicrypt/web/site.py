"""Sites: what is served on one listening port, within limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import quote_from_bytes, unquote_to_bytes

from klein.resource import KleinResource
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from dynamicrypt.errors import DynamiCryptError, StoppingError
from dynamicrypt.web.body import Body, BodyTooLargeError, LiveBody, RefusedEarlyError
from dynamicrypt.web.channel import BoundedChannel
from dynamicrypt.web.fast import FastLane
from dynamicrypt.web.head import ResponseWriter
from dynamicrypt.web.host import Dialect
from dynamicrypt.web.limits import Limits
from dynamicrypt.web.refusals import TooManyConnectionsError
from dynamicrypt.web.request import BoundedRequest
from dynamicrypt.web.told import Told, no_page
from dynamicrypt.web.turned_away import TurnedAway

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
        self._connections: set[BoundedChannel] = set()
        self._turned_away = 0
        #: Nothing new is begun.
        self._stopping = False
        self._stopped: Deferred[None] = Deferred()

    def startFactory(self) -> None:
        """Open no access log, and start none of its timers."""

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:  # type: ignore[override]  # as above
        """A channel for a new connection; one that tells if there are too many.

        None, which closes it, if there are too many of these, too.
        """
        if len(self._connections) >= self.limits.connections:
            return self._turn_away()
        channel: BoundedChannel = super().buildProtocol(addr)
        self._connections.add(channel)
        return channel

    def connection_closed(self, connection: BoundedChannel) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        if self._stopping and not self._connections and not self._stopped.called:
            self._stopped.callback(None)

    def wind_down(self) -> Deferred[None]:
        """Begin nothing new, and fire when what is under way has been answered.

        After Limits.linger what is left is cut.
        """
        self._stopping = True
        if not self._connections:
            return succeed(None)
        cut = self.reactor.callLater(self.limits.linger, self._cut)
        for connection in list(self._connections):
            connection.wind_down()

        def done(result: None) -> None:
            if cut.active():
                cut.cancel()

        return self._stopped.addCallback(done)

    def live_body(self, request: Request) -> LiveBody | None:
        """The body of a request whose head has come, if it is to be used up as it comes.

        Raises RefusedEarlyError, always when the site is being stopped.
        """
        if self._stopping:
            raise RefusedEarlyError(self.dialect.tell(_stopping(), request.path))
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
        if self._stopping:
            return Told(_stopping(), self.dialect)
        if _is_misread(request.path):
            return no_page(self.dialect)
        route: IResource = super().getResourceFor(request)
        if isinstance(route, KleinResource):
            # Klein joins the parts of the path again, and a name may have a slash in it.
            request.postpath = [
                quote_from_bytes(each, "").encode("ascii") for each in request.postpath or ()
            ]
        elif request.postpath:
            return no_page(self.dialect)  # below a page there is nothing
        return route

    def _turn_away(self) -> TurnedAway | None:
        if self._turned_away >= self.limits.turned_away:
            return None
        self._turned_away += 1
        most = self.limits.connections
        protocol = TurnedAway(
            TooManyConnectionsError(f"{most} connections are open"), host=self, closed=self._turned
        )
        protocol.callLater = self.reactor.callLater  # type: ignore[assignment]  # the mixin declares less
        return protocol

    def _turned(self) -> None:
        self._turned_away -= 1

    def _cut(self) -> None:
        for connection in list(self._connections):
            connection.cut()


def _is_misread(path: bytes) -> bool:
    """Whether Werkzeug would take two slashes of a path for one, or Klein would log it.

    Or a guard and a dialect, which go by the path as it was sent, would not see which part of the
    site it leads to.
    """
    if not path.startswith(b"/") or b"%" in path.split(b"/", 2)[1]:
        return True
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return True
    return b"//" in path


def _stopping() -> StoppingError:
    return StoppingError("the node stops")


class SiteService(Service):
    """Stops a site with what it runs in: answers that are under way are given first."""

    def __init__(self, site: BoundedSite) -> None:
        self._site = site

    def stopService(self) -> Deferred[None]:
        """Fires when nobody waits for an answer, within Limits.linger."""
        super().stopService()
        return self._site.wind_down()
