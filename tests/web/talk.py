"""Speaks HTTP to a site byte by byte, in memory."""

from dataclasses import dataclass
from typing import cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from dynamicrypt.web.channel import BoundedChannel
from dynamicrypt.web.site import BoundedSite

HOST = b"Host: localhost:9081\r\n"


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Wire(StringTransport):
    """A transport that remembers how it was closed, and otherwise does what sockets do."""

    aborted = False
    half_closed = False
    #: Stands for its socket.
    handle = object()

    def getHandle(self) -> object:
        return self.handle

    def unregisterProducer(self) -> None:
        """As sockets do, take a second call too."""
        self.producer = None

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()

    def loseWriteConnection(self) -> None:
        """As sockets do, not while there is a producer that may be paused."""
        self.half_closed = self.producer is None


class Client:
    """One connection to a site."""

    def __init__(self, site: BoundedSite) -> None:
        self.transport = Wire()
        self.protocol = site.buildProtocol(None)
        #: None where it may ask nothing.
        self.channel = self.protocol if isinstance(self.protocol, BoundedChannel) else None
        if self.protocol is not None:
            self.protocol.makeConnection(self.transport)

    @property
    def refused(self) -> bool:
        return self.channel is None

    @property
    def cut(self) -> bool:
        """Whether it was closed without a word."""
        return self.protocol is None

    def half_close(self) -> None:
        """Shut down the sending side."""
        cast("IHalfCloseableProtocol", self.protocol).readConnectionLost()

    def send(self, data: bytes) -> None:
        assert self.protocol is not None
        self.protocol.dataReceived(data)

    def received(self) -> list[Response]:
        """The responses that came since the last call."""
        data = self.transport.value()
        self.transport.clear()
        return read_responses(data)

    def ask(self, data: bytes) -> Response:
        self.send(data)
        (response,) = self.received()
        return response

    def post(self, path: str, body: bytes, *headers: bytes) -> Response:
        return self.ask(post(path, body, *headers))

    def close(self) -> None:
        assert self.protocol is not None
        self.protocol.connectionLost(Failure(ConnectionDone()))


def post(path: str, body: bytes, *headers: bytes, host: bytes = HOST) -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers)
    head = f"POST {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n".encode()
    return head + host + lines + b"\r\n" + body


def get(path: str, *headers: bytes, host: bytes = HOST, method: str = "GET") -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers)
    return f"{method} {path} HTTP/1.1\r\n".encode() + host + lines + b"\r\n"


def read_responses(data: bytes) -> list[Response]:
    responses = []
    while data:
        head, blank, data = data.partition(b"\r\n\r\n")
        assert blank, head
        first, *lines = head.split(b"\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(b": ")
            assert name.lower() not in headers, line
            headers[name.lower()] = value
        length = int(headers.get(b"content-length", b"0"))
        responses.append(Response(int(first.split()[1]), headers, data[:length]))
        data = data[length:]
    return responses
