"""One HTTP connection within stated bounds of memory and time; no body ever reaches a disk."""

from __future__ import annotations

import socket
import struct
from typing import Any, cast

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, IUNIXTransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.http_headers import Headers
from zope.interface import implementer

from dynamicrypt.errors import MessageTooLargeError
from dynamicrypt.web.body import AnswerBrokenError, BodyTooLargeError, LiveBody, RefusedEarlyError
from dynamicrypt.web.head import SECURITY_HEADERS
from dynamicrypt.web.host import Host
from dynamicrypt.web.listener import Listener
from dynamicrypt.web.refusals import TooSlowError
from dynamicrypt.web.reply import Reply
from dynamicrypt.web.request import BoundedRequest


@implementer(IHalfCloseableProtocol)
class BoundedChannel(HTTPChannel):
    """A connection to a site, HTTP/1.1.

    twisted.web restarts its only time-out at every byte; here a request has to be complete within
    Limits.receive, so that nobody holds a connection by dripping. A LiveBody has no such end, and
    may not pause for longer than Limits.idle.

    Who has sent a request whole and then shuts down its sending side gets the answer.
    """

    maxHeaders = 64
    factory: Host

    def __init__(self) -> None:
        super().__init__()
        #: User id of the process at the other end of a UNIX socket.
        self.uid: int | None = None
        self._receiving = False
        self._live = False
        self._draining = False
        #: The client sends no more.
        self._ended = False
        #: After what has come the connection is closed.
        self._last = False
        #: The client, once it sends no more and waits for an answer.
        self._listener: Listener | None = None
        #: The request whose body is not all here.
        self._incoming: BoundedRequest | None = None

    def connectionMade(self) -> None:
        """See who it is, where the system tells."""
        super().connectionMade()
        if IUNIXTransport.providedBy(self.transport):
            self.uid = _user_of(cast("Any", self.transport).getHandle())

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; the first of a request start its clock."""
        if self._draining:
            return
        if self._live:
            self.resetTimeout()
        elif not self._receiving and not self._handlingRequest:
            if not (self.requests or self._buffer or self._last) and self.persistent:
                reply = self.factory.fast.answer(data, self.uid)
                if reply is not None:
                    self.resetTimeout()
                    self.factory.answered[reply.status] += 1
                    self.write(self.factory.writer.response(reply))
                    return
            self._receiving = True
            self.setTimeout(self.factory.limits.receive)
        LineReceiver.dataReceived(self, data)

    def allHeadersReceived(self) -> None:
        """Make room for the body, or refuse one that says it is too long."""
        request = self.requests[-1]
        request.begin(self._command, self._path, self._version)
        self._incoming = request
        try:
            super().allHeadersReceived()
        except BodyTooLargeError:
            self.refuse(self._too_large())
        except RefusedEarlyError as refused:
            self.refuse(refused.reply)
        else:
            if request.is_live:
                self._live = True
                self.setTimeout(self.factory.limits.idle)

    def rawDataReceived(self, data: bytes) -> None:
        """Take a part of the body."""
        if self._draining:
            return
        try:
            super().rawDataReceived(data)
        except BodyTooLargeError:
            self.refuse(self._too_large())
        except RefusedEarlyError as refused:
            self.refuse(refused.reply)
        except AnswerBrokenError:
            self.break_off()

    def allContentReceived(self) -> None:
        """Handle the request; what time the answer takes is not the client's."""
        if self._draining:
            return
        self._receiving = self._live = False
        self._incoming = None
        self.timeOut = self.factory.limits.idle  # what requestDone restores
        super().allContentReceived()

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """Write the head of an answer, with the headers that every answer carries."""
        head = [version, b" ", code, b" ", reason, b"\r\n", SECURITY_HEADERS]
        for name, values in headers.getAllRawHeaders():
            for value in values:
                head += (name, b": ", value, b"\r\n")
        head.append(b"\r\n")
        self.writeSequence(head)

    def requestDone(self, request: Request) -> None:
        """Go on with the next request; a client that does not read its last answer is cut."""
        self.factory.answered[request.code] += 1
        if not self.persistent:
            self.setTimeout(self.factory.limits.idle)
        self._leave_alone()
        super().requestDone(request)
        # Klein's closures keep a request, and its token, until the garbage collector comes by.
        request.requestHeaders = Headers()
        if self._last and not (self._busyReceiving and self._buffer):
            self._wind_up()  # else the next request has come already

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Make room for another connection."""
        self._leave_alone()
        super().connectionLost(reason)
        self.factory.connection_closed(self)

    def readConnectionLost(self) -> None:  # noqa: N802 - Twisted calls it
        """The client sends no more, or is gone: see web.listener."""
        self._ended = self._last = True
        self._wind_up()

    def cut(self) -> None:
        """Close at once."""
        self._transport.abortConnection()

    def writeConnectionLost(self) -> None:
        """An answer was broken off."""

    def wind_down(self) -> None:
        """The site is stopped: answer what has been asked, and close."""
        self._last = True
        if not (self._receiving or self._live):
            self._wind_up()

    def timeoutConnection(self) -> None:
        """Cut a client that is too slow; where that can be said, it is told why."""
        request, self._incoming = self._incoming, None
        if request is None or self._draining:
            super().timeoutConnection()
            return
        error = TooSlowError("the request stood still, or its answer was not read")
        if isinstance(request.content, LiveBody):
            reply, cut = request.content.stall(error), self.break_off
        else:
            reply = self.factory.dialect.stalled(error, request.path)
            cut = super().timeoutConnection
        if reply is None:
            cut()
        else:
            self.refuse(reply)

    def hold(self) -> None:
        """Read no more, for a body that cannot be used yet."""
        cast("IPushProducer", self.transport).pauseProducing()

    def release(self) -> None:
        """Read on."""
        cast("IPushProducer", self.transport).resumeProducing()

    def refuse(self, reply: Reply) -> None:
        """Answer, and drop the rest of the request."""
        self._drain(reply.status)
        self.write(self.factory.writer.response(reply, b"Connection: close\r\n"))
        if self._ended:
            self.loseConnection()  # there is no rest

    def break_off(self) -> None:
        """Break an answer off that has begun, and drop the rest of the request.

        What it said so far still arrives, its head included; its end never does.
        """
        self._drain(200)
        # Sockets resume a producer that they paused, where they should shut down for writing.
        self._transport.unregisterProducer()
        self._transport.resumeProducing()
        self._transport.loseWriteConnection()

    @property
    def _transport(self) -> Any:
        return self.transport

    def _wind_up(self) -> None:
        """Close, unless there is a request to answer."""
        if not (self._handlingRequest and self.requests):
            self.loseConnection()
            return
        request = self.requests[0]
        if request.end_answer is not None:
            request.end_answer()
        elif self._ended and self._listener is None and not request.startedWriting:
            if request.clientproto == b"HTTP/1.1":
                self._listener = Listener(self._transport, self.callLater)
                self._listener.ask()
            else:
                self._transport.abortConnection()  # it knows no interim answers

    def _leave_alone(self) -> None:
        if self._listener is not None:
            self._listener.leave_alone()
            self._listener = None

    def _drain(self, status: int) -> None:
        self._draining = True
        self._leave_alone()
        self.factory.answered[status] += 1
        self.setTimeout(self.factory.limits.linger)

    def _too_large(self) -> Reply:
        error = MessageTooLargeError(f"a body has {self.factory.limits.body} bytes at most")
        return self.factory.dialect.tell(error, self._path.partition(b"?")[0])


def _user_of(handle: socket.socket) -> int:
    """The user that connected (SO_PEERCRED of unix(7): pid, uid, gid)."""
    size = struct.calcsize("3i")
    credentials = handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)
