"""One HTTP connection within stated bounds of memory and time; no body ever reaches a disk."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.http_headers import Headers

from dynamicrypt.rest.fixed import error_answer
from dynamicrypt.rest.guard import SECURITY_HEADERS

if TYPE_CHECKING:
    from dynamicrypt.rest.site import ApiSite

_TOO_LARGE: Final = error_answer(413, "request is too large").body
_TOO_LARGE_RESPONSE: Final = (
    b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n%b\r\n%b"
) % (len(_TOO_LARGE), SECURITY_HEADERS, _TOO_LARGE)


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
    #: How long the rest of a refused body is read and dropped, so that the client sees the answer.
    linger: int = 2


class BodyTooLargeError(Exception):
    """The body exceeds Limits.body. It is answered with 413."""


class Body(BytesIO):
    """A request body in memory; raises BodyTooLargeError instead of growing past `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # twisted.web writes bytes
        """Append."""
        if self.tell() + len(data) > self._limit:
            raise BodyTooLargeError
        return super().write(data)


class ApiChannel(HTTPChannel):
    """A connection to the API, HTTP/1.1.

    twisted.web restarts its only time-out at every byte; here a request has to be complete within
    Limits.receive, so that nobody holds a connection by dripping.
    """

    maxHeaders = 64
    factory: ApiSite

    def __init__(self) -> None:
        super().__init__()
        self._receiving = False
        self._draining = False

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; the first of a request start its clock."""
        if self._draining:
            return
        if not self._receiving and not self._handlingRequest:
            self._receiving = True
            self.setTimeout(self.factory.limits.receive)
        LineReceiver.dataReceived(self, data)

    def allHeadersReceived(self) -> None:
        """Make room for the body, or refuse one that says it is too long."""
        try:
            super().allHeadersReceived()
        except BodyTooLargeError:
            self._refuse()

    def rawDataReceived(self, data: bytes) -> None:
        """Take a part of the body."""
        if self._draining:
            return
        try:
            super().rawDataReceived(data)
        except BodyTooLargeError:
            self._refuse()

    def allContentReceived(self) -> None:
        """Handle the request; what time the answer takes is not the client's."""
        self._receiving = False
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
        if not self.persistent:
            self.setTimeout(self.factory.limits.idle)
        super().requestDone(request)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Make room for another connection."""
        super().connectionLost(reason)
        self.factory.connectionClosed()

    def _refuse(self) -> None:
        self._draining = True
        assert self.transport is not None
        self.transport.write(_TOO_LARGE_RESPONSE)
        self.setTimeout(self.factory.limits.linger)
