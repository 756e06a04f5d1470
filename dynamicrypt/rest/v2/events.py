"""Server-sent events (WHATWG HTML, section 9.2): what happens on the node, as it happens.

A stream is a cursor on the node's ring of events, so a client that reads slowly costs no memory:
what it does not take in time is lost to it, and it is told so by an event `gap`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, cast

import orjson
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.web.server import Request
from zope.interface import implementer

from dynamicrypt.access.tokens import Scope, Token
from dynamicrypt.errors import DynamiCryptError, EventsLostError
from dynamicrypt.node.events import RING, Event
from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.problem import problem_reply
from dynamicrypt.rest.desk.refusals import TooManyStreamsError
from dynamicrypt.web.reply import Reply
from dynamicrypt.web.request import BoundedRequest

EVENT_STREAM: Final = b"text/event-stream"
#: Streams that may be open at once; each holds a connection.
MAX_STREAMS: Final = 32
#: Seconds between looks at whether the token still holds, which is read again as often.
LOOK: Final = 1.0
#: Seconds between comments that keep a silent stream alive.
HEARTBEAT: Final = 15.0
#: How soon a client is to come back (ms).
_RETRY: Final = b"retry: 1000\n\n"
_COMMENT: Final = b":\n\n"
#: incarnation "-" number
_ID: Final = re.compile(rb"([0-9a-f]{8})-([0-9]{1,18})")


class EventStreams:
    """All open streams of a node."""

    def __init__(self, node: Node, reactor: IReactorTime) -> None:
        self._node = node
        self._reactor = reactor
        self._open: set[EventStream] = set()

    def begin(
        self, request: Request, admit: Callable[[], Token], holder: Callable[[], Token]
    ) -> Deferred[bytes] | Reply:
        """Stream until the client leaves, or say why not.

        `admit` lets the caller in; `holder` gives its token every LOOK seconds, so a stream ends
        when its token is revoked. It ends, too, when the client shuts down its sending side.
        """
        try:
            token = admit()
            if len(self._open) >= MAX_STREAMS:
                raise TooManyStreamsError(f"{MAX_STREAMS} streams are open")
        except DynamiCryptError as error:
            return problem_reply(error, request.path)
        if request.method == b"HEAD":
            return Reply(200, b"", EVENT_STREAM)
        stream = EventStream(self._node, request, holder, token, self._reactor)
        self._open.add(stream)
        stream.done.addBoth(self._closed, stream)
        stream.start()
        return stream.done

    def _closed(self, result: object, stream: EventStream) -> object:
        self._open.discard(stream)
        stream.close()
        return result


@implementer(IPushProducer)
class EventStream:
    """One stream. It sends what its caller may see, from where the caller stopped listening."""

    def __init__(
        self,
        node: Node,
        request: Request,
        holder: Callable[[], Token],
        token: Token,
        reactor: IReactorTime,
    ) -> None:
        self.done: Final[Deferred[bytes]] = Deferred()
        self._log = node.events
        self._mark = node.incarnation[:4].hex()
        self._request = request
        self._holder = holder
        self._token = token
        self._paused = False
        #: Seconds since the last comment.
        self._silence = 0.0
        self._unsubscribe: Callable[[], None] = lambda: None
        self._heart = LoopingCall.withCount(self._beat)
        self._heart.clock = reactor
        #: Number of the last event that was sent, or was not for this caller.
        self._last = self._log.last

    def start(self) -> None:
        """Send the head, what was missed, and then what happens."""
        self._request.setHeader(b"Content-Type", EVENT_STREAM)
        cast("BoundedRequest", self._request).end_answer = self.end
        self._request.registerProducer(self, True)
        self._request.write(_RETRY)
        if self._resume():
            self._gap()
        self._unsubscribe = self._log.subscribe(lambda event: self._pump())
        self._heart.start(LOOK, now=False)
        self._pump()

    def end(self) -> None:
        """End the answer, unless it is over."""
        if not self.done.called:
            self.done.callback(b"")

    def close(self) -> None:
        """Stop; the request is over, or about to be."""
        self._paused = True
        self._unsubscribe()
        self._unsubscribe = lambda: None
        if self._heart.running:
            self._heart.stop()
        if self._request.channel is not None:
            self._request.unregisterProducer()

    def pauseProducing(self) -> None:
        """Keep still: the client does not read."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Go on."""
        self._paused = False
        self._pump()

    def stopProducing(self) -> None:
        """The connection is gone; the request's end is told elsewhere."""
        self._paused = True

    def _resume(self) -> bool:
        """Go back to where the client was; whether it missed something for good."""
        values = self._request.requestHeaders.getRawHeaders(b"Last-Event-ID")
        if values is None:
            return False
        match = _ID.fullmatch(values[-1])
        if match is None or match[1].decode("ascii") != self._mark:
            self._last = max(0, self._log.last - RING)
            return True
        self._last = int(match[2])
        return self._last > self._log.last

    def _pump(self) -> None:
        if self._paused:
            return
        try:
            events = self._log.since(self._last)
        except EventsLostError:
            self._gap()
            self._last = max(0, self._log.last - RING)
            events = self._log.since(self._last)
        shown = [self._frame(event) for event in events if self._may_see(event)]
        self._last = self._log.last
        if shown:
            self._request.write(b"".join(shown))

    def _gap(self) -> None:
        self._last = min(self._last, self._log.last)
        self._request.write(b"event: gap\ndata: {}\n\n")

    def _may_see(self, event: Event) -> bool:
        return event.owner in (None, self._token.id) or Scope.ADMIN in self._token.scopes

    def _frame(self, event: Event) -> bytes:
        return b"id: %b-%d\nevent: %b\ndata: %b\n\n" % (
            self._mark.encode("ascii"),
            event.id,
            event.kind.value.encode("ascii"),
            orjson.dumps(dict(event.data)),
        )

    def _beat(self, count: int) -> None:
        try:
            self._token = self._holder()
        except DynamiCryptError:
            self.end()
            return
        self._silence += count * LOOK
        if self._silence >= HEARTBEAT and not self._paused:
            self._silence = 0.0
            self._request.write(_COMMENT)
