"""One HTTP connection within stated bounds of memory and time; no body ever reaches a disk."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from io import RawIOBase
from typing import TYPE_CHECKING, Any, Final, cast

from twisted.internet.interfaces import IPushProducer, IUNIXTransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.http_headers import Headers

from dynamicrypt.errors import MessageTooLargeError
from dynamicrypt.rest.fixed import is_native
from dynamicrypt.rest.head import SECURITY_HEADERS
from dynamicrypt.rest.problem import problem_reply
from dynamicrypt.rest.refusals import TooSlowError
from dynamicrypt.rest.reply import Reply
from dynamicrypt.rest.schema import encode
from dynamicrypt.rest.stream_body import RefusedEarlyError, StreamBody, StreamBrokenError
from dynamicrypt.rest.v1_shapes import Refused

if TYPE_CHECKING:
    from dynamicrypt.rest.site import ApiRequest, ApiSite


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client, and all together, may take: bytes, connections, seconds."""

    #: Body of one request, 1 MiB as is usual; the longest message (rest.v1) fits when it comes
    #: back as a ciphertext.
    body: int = 1024 * 1024
    #: Open connections. Descriptors are shared with the links to other nodes.
    connections: int = 256
    #: From the first byte of a request to its last.
    receive: int = 20
    #: Between the answer and the next request, or until the first.
    idle: int = 60
    #: Requests of one caller in a second, unless its token says otherwise; more than one process
    #: can answer, so it stops nothing but what runs wild.
    rate: int = 100_000
    #: How long the rest of a refused body is read and dropped, so that the client sees the answer.
    linger: int = 2


_TOO_LARGE: Final = Reply(413, encode(Refused(error="request is too large")))


class BodyTooLargeError(Exception):
    """The body exceeds Limits.body. It is answered with 413."""


class Body(RawIOBase):
    """A request body in memory; raises BodyTooLargeError instead of growing past `limit` bytes.

    It keeps the parts that came, each of which is overwritten when it is freed: a buffer that grows
    moves, and leaves what it held behind.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self._size = 0
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # twisted.web writes bytes
        """Append."""
        if self._size + len(data) > self._limit:
            raise BodyTooLargeError
        self._size += len(data)
        self._parts.append(data)
        return len(data)

    def tell(self) -> int:
        """How much has come."""
        return self._size

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """It is read from its beginning anyway."""
        return 0

    def read(self, size: int = -1, /) -> bytes:
        """All of it, once."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


class ApiChannel(HTTPChannel):
    """A connection to the API, HTTP/1.1.

    twisted.web restarts its only time-out at every byte; here a request has to be complete within
    Limits.receive, so that nobody holds a connection by dripping. A stream has no such end, and may
    not pause for longer than Limits.idle.
    """

    maxHeaders = 64
    factory: ApiSite

    def __init__(self) -> None:
        super().__init__()
        #: User id of the process at the other end of a UNIX socket.
        self.uid: int | None = None
        self._receiving = False
        self._streaming = False
        self._draining = False
        #: The request whose body is not all here.
        self._incoming: ApiRequest | None = None

    def connectionMade(self) -> None:
        """See who it is, where the system tells."""
        super().connectionMade()
        if IUNIXTransport.providedBy(self.transport):
            self.uid = _user_of(cast("Any", self.transport).getHandle())

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; the first of a request start its clock."""
        if self._draining:
            return
        if self._streaming:
            self.resetTimeout()
        elif not self._receiving and not self._handlingRequest:
            if not self.requests and not self._buffer and self.persistent:
                reply = self.factory.fast.answer(data, self.uid)
                if reply is not None:
                    self.resetTimeout()
                    self.factory.counters.requests[reply.status] += 1
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
            if request.streams:
                self._streaming = True
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
        except StreamBrokenError:
            self.break_off()

    def allContentReceived(self) -> None:
        """Handle the request; what time the answer takes is not the client's."""
        if self._draining:
            return
        self._receiving = self._streaming = False
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
        self.factory.counters.requests[request.code] += 1
        if not self.persistent:
            self.setTimeout(self.factory.limits.idle)
        super().requestDone(request)
        # Klein's closures keep a request, and its token, until the garbage collector comes by.
        request.requestHeaders = Headers()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Make room for another connection."""
        super().connectionLost(reason)
        self.factory.connectionClosed()

    def timeoutConnection(self) -> None:
        """Cut a client that is too slow; where that can be said, it is told why."""
        request, self._incoming = self._incoming, None
        if request is None or self._draining or not is_native(request.path):
            super().timeoutConnection()
            return
        error = TooSlowError("the request stood still, or its answer was not read")
        if isinstance(request.content, StreamBody):
            reply = request.content.stall(error)
        else:
            reply = problem_reply(error, request.path)
        if reply is None:
            self.break_off()
        else:
            self.refuse(reply)

    def hold(self) -> None:
        """Read no more, for a stream that cannot begin yet."""
        cast("IPushProducer", self.transport).pauseProducing()

    def release(self) -> None:
        """Read on."""
        cast("IPushProducer", self.transport).resumeProducing()

    def refuse(self, reply: Reply) -> None:
        """Answer, and drop the rest of the request."""
        self._drain(reply.status)
        self.write(self.factory.writer.response(reply, b"Connection: close\r\n"))

    def break_off(self) -> None:
        """Break an answer off that has begun, and drop the rest of the request.

        What it said so far still arrives, its head included; its end never does.
        """
        self._drain(200)
        transport = cast("Any", self.transport)
        # Sockets resume a producer that they paused, where they should shut down for writing.
        transport.unregisterProducer()
        transport.resumeProducing()
        transport.loseWriteConnection()

    def _drain(self, status: int) -> None:
        self._draining = True
        self.factory.counters.requests[status] += 1
        self.setTimeout(self.factory.limits.linger)

    def _too_large(self) -> Reply:
        if is_native(self._path):
            error = MessageTooLargeError(f"a body has {self.factory.limits.body} bytes at most")
            return problem_reply(error, self._path.partition(b"?")[0])
        return _TOO_LARGE


def _user_of(handle: socket.socket) -> int:
    """The user that connected (SO_PEERCRED of unix(7): pid, uid, gid)."""
    size = struct.calcsize("3i")
    credentials = handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)
