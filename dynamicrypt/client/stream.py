"""Bodies of any length, sent and received at once, in constant memory.

The service answers while the body still comes, and stops reading from who does not read. So one
thread sends what the source gives while the caller's reads what comes back.
"""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Final, Protocol

from dynamicrypt.client.answer import read_problem
from dynamicrypt.client.connection import Connection
from dynamicrypt.client.errors import BadAnswerError, ClientError, StreamBrokenError
from dynamicrypt.client.request import octets, to_base64

#: Bytes that are read from the source and from the service at once.
PART: Final = 65_536
CONTEXT_HEADER: Final = "DynamiCrypt-Context"
#: Names the stream in the head of the answer.
_ID_HEADER: Final = "DynamiCrypt-Stream"
#: For how many seconds a stream that was sealed opens.
_EXPIRES_HEADER: Final = "DynamiCrypt-Expires-In"
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
BYTES: Final = "application/octet-stream"
#: Seconds of silence after which a stream is taken for dead; the service cuts it after 60, and says
#: why.
_SILENCE: Final = 75.0
#: Seconds that the sending thread gets to notice that it is over; a source may block for longer.
_FAREWELL: Final = 1.0


class Source(Protocol):
    """What a body is read from: a binary file, or what reads like one."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Sink(Protocol):
    """What an answer is written to: a binary file, or what is written like one."""

    def write(self, data: bytes, /) -> object:
        """Take the bytes."""


def write_all(sink: Sink, data: bytes) -> None:
    """Write all of the data; a file without a buffer may take less than it is given."""
    while isinstance(taken := sink.write(data), int) and taken < len(data):
        data = data[taken:]


def transfer(
    connection: Connection, path: str, source: Source, sink: Sink, *, context: bytes = b""
) -> tuple[int, int | None]:
    """Send the source through the service to the sink; returns how many bytes came out.

    And for how many seconds they open, where the service says so.

    What came out is whole only when this returns. Raises what source and sink raise, a ProblemError
    if the service refused before anything came out, and StreamBrokenError if the connection broke.
    It is closed in the end.
    """
    size = 0
    expires: int | None = None
    with connection:
        sender = _Sender(connection, source)
        try:
            for part, told in _received(connection, path, context, sender):
                expires = told
                write_all(sink, part)
                size += len(part)
        except ClientError:
            if sender.error is not None:
                raise sender.error from None
            raise
        finally:
            sender.stop()
    return size, expires


def _received(
    connection: Connection, path: str, context: bytes, sender: _Sender
) -> Iterator[tuple[bytes, int | None]]:
    """What the service answers, part by part, each with what the head says of its expiry.

    Raises ClientError.
    """
    name: str | None = None
    try:
        response = _begin(connection, path, context, sender)
        name = response.headers[_ID_HEADER]
        if response.status != HTTPStatus.OK:
            raise read_problem(response.status, response.read())
        if not response.chunked:
            raise BadAnswerError("the answer to a stream is none")
        said = response.headers.get(_EXPIRES_HEADER, "")
        expires = int(said) if _SECONDS.fullmatch(said) else None
        while part := response.read1(PART):
            yield part, expires
    except (OSError, http.client.HTTPException):
        broken = "the connection broke before the end of the stream"
        raise StreamBrokenError(broken, stream=name) from None


def _begin(
    connection: Connection, path: str, context: bytes, sender: _Sender
) -> http.client.HTTPResponse:
    connection.putrequest("POST", path, skip_accept_encoding=True)
    if connection.place.token is not None:
        connection.putheader("Authorization", f"Bearer {connection.place.token}")
    if context:
        connection.putheader(CONTEXT_HEADER, to_base64(context))
    connection.putheader("Content-Type", BYTES)
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.sock.settimeout(_SILENCE)
    sender.start()
    return connection.getresponse()


class _Sender(threading.Thread):
    """Sends a body in chunks, from the thread that it is."""

    def __init__(self, connection: Connection, source: Source) -> None:
        # A source that blocks for ever must not keep the process alive.
        super().__init__(name="dynamicrypt-stream", daemon=True)
        self._connection = connection
        self._source = source
        #: What the source raised.
        self.error: Exception | None = None

    def run(self) -> None:
        """Send until the source or the connection ends."""
        sock = self._connection.sock
        while True:
            try:
                part = octets("what the source reads", self._source.read(PART))
            except Exception as error:  # handed to the thread that asked
                self.error = error
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
                return
            try:
                sock.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            except OSError:
                return  # the other thread reads why
            if not part:
                return

    def stop(self) -> None:
        """End the connection, and so the thread."""
        sock = self._connection.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if self.is_alive():
            self.join(_FAREWELL)
