"""A connection beyond those that a site serves: it is told so, and closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from dynamicrypt.web.host import Host
from dynamicrypt.web.refusals import TooManyConnectionsError


@implementer(IHalfCloseableProtocol)
class TurnedAway(Protocol, TimeoutMixin):
    """Answers 503 to the first bytes of a request, in the words that its path is told in.

    What follows is dropped, for Limits.linger seconds at most: closed at once, the connection would
    be reset, and the answer lost on its way.
    """

    def __init__(
        self, error: TooManyConnectionsError, *, host: Host, closed: Callable[[], object]
    ) -> None:
        self._error = error
        self._host = host
        self._closed = closed
        self._told = False

    def connectionMade(self) -> None:
        """Let the client speak first."""
        self.setTimeout(self._host.limits.linger)

    def dataReceived(self, data: bytes) -> None:
        """Answer, once."""
        if self._told:
            return
        self._told = True
        path = (data.split(b" ", 2)[1:2] or [b""])[0].partition(b"?")[0]
        reply = self._host.dialect.tell(self._error, path)
        self._host.answered[reply.status] += 1
        transport = cast("Any", self.transport)
        transport.write(self._host.writer.response(reply, b"Connection: close\r\n"))
        transport.loseWriteConnection()

    def readConnectionLost(self) -> None:  # noqa: N802 - Twisted calls it
        """The client sends no more: it may have its answer."""
        cast("Any", self.transport).loseConnection()

    def writeConnectionLost(self) -> None:
        """The answer is out."""

    def timeoutConnection(self) -> None:
        """It has had time to read."""
        cast("Any", self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Make room for another."""
        self.setTimeout(None)
        self._closed()
