"""Bodies of any length, sealed and opened while they arrive, in constant memory.

twisted.web hands a request over when all of its body is there. Here its body is a cipher instead
of a buffer: what is written to it comes out, sealed or opened, as the answer, which so begins
before the request has ended. A client that does not read its answer is not read from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import RawIOBase
from typing import Final, Protocol, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import ITCPTransport
from twisted.web.http import datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.keys.stream import StreamOpener, StreamSealer
from dynamicrypt.node.node import Node
from dynamicrypt.rest.guard import refusal
from dynamicrypt.rest.message_shapes import MAX_CONTEXT
from dynamicrypt.rest.operation import Desk
from dynamicrypt.rest.problem import problem_reply
from dynamicrypt.rest.reply import Ask, Reply, send, uid_of
from dynamicrypt.rest.schema import InvalidRequestError, from_base64
from dynamicrypt.rest.tokens import Scope, credential_of

BYTES: Final = b"application/octet-stream"
CONTEXT_HEADER: Final = b"DynamiCrypt-Context"

_PATH: Final = re.compile(
    rb"/v2/services/([^/?]+)/channels/([^/?]+)/stream/(encrypt|decrypt)(?:\?.*)?"
)


class RefusedEarlyError(Exception):
    """The request is answered before its body is there; the rest of it is dropped."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("refused before the body was read")
        self.reply = reply


class StreamBrokenError(Exception):
    """The answer has begun and cannot be ended: only a broken connection tells that."""


class _Coder(Protocol):
    """Seals or opens a body."""

    def update(self, data: bytes, /) -> bytes:
        """Take a part; return what it gives."""

    def finish(self) -> bytes:
        """Return the last part."""

    def abandon(self) -> None:
        """Wipe the key."""


class _Sealing:
    def __init__(self, sealer: StreamSealer) -> None:
        self._sealer = sealer
        self._head = sealer.header
        self.abandon = sealer.abandon

    def update(self, data: bytes, /) -> bytes:
        head, self._head = self._head, b""
        return head + self._sealer.update(data)

    def finish(self) -> bytes:
        return self.update(b"") + self._sealer.finish()


class _Opening:
    def __init__(self, opener: StreamOpener, seconds: Callable[[], float]) -> None:
        self._opener = opener
        self._seconds = seconds
        self.abandon = opener.abandon

    def update(self, data: bytes, /) -> bytes:
        return self._opener.update(data, self._seconds())

    def finish(self) -> bytes:
        return self._opener.finish(self._seconds())


class StreamBody(RawIOBase):
    """The body of a streaming request: a cipher that writes the answer."""

    def __init__(self, request: Request, coder: _Coder) -> None:
        super().__init__()
        self._request = request
        self._coder = coder
        self._size = 0

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # twisted.web writes bytes
        """Seal or open a part.

        Raises RefusedEarlyError where the answer has not begun, StreamBrokenError where it has.
        """
        self._size += len(data)
        try:
            self._answer(self._coder.update(data))
        except DynamiCryptError as error:
            self._coder.abandon()
            if self._request.startedWriting:
                raise StreamBrokenError from None
            raise RefusedEarlyError(problem_reply(error, self._request.path)) from None
        return len(data)

    def finish(self) -> Reply | None:
        """Write the end of the answer, or return another one if none has begun.

        Raises StreamBrokenError.
        """
        try:
            last = self._coder.finish()
        except DynamiCryptError as error:
            if self._request.startedWriting:
                raise StreamBrokenError from None
            return problem_reply(error, self._request.path)
        self._answer(last)
        self._begin()
        return None

    def tell(self) -> int:
        """How much has come."""
        return self._size

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Nothing is there to be read again."""
        return self._size

    def read(self, size: int = -1, /) -> bytes:
        """Nothing is kept."""
        return b""

    def close(self) -> None:
        """The request is over: wipe the key."""
        self._coder.abandon()
        super().close()

    def _answer(self, data: bytes) -> None:
        if data:
            self._begin()
            self._request.write(data)

    def _begin(self) -> None:
        if not self._request.startedWriting:
            self._request.setHeader(b"Content-Type", BYTES)
            self._request.setHeader(b"Date", datetimeToString())


class Streams:
    """Begins streams: finds the path, lets the caller in, takes a key."""

    def __init__(self, node: Node, desk: Desk, *, seconds: Callable[[], float]) -> None:
        self._node = node
        self._desk = desk
        self._seconds = seconds

    def body(self, request: Request) -> StreamBody | None:
        """The body of a request whose head has come; None if it is no stream.

        The request must have its method and path by now. Raises RefusedEarlyError.
        """
        match = _PATH.fullmatch(request.uri)
        if match is None or request.method != b"POST":
            return None
        service, partner, verb = match.groups()
        try:
            refused = refusal(request, streams=True, typed=True)
            if refused is not None:
                raise refused
            coder = self._coder(
                request,
                verb,
                unquote_to_bytes(service).decode(),
                unquote_to_bytes(partner).decode(),
            )
        except UnicodeDecodeError:
            return None
        except DynamiCryptError as error:
            raise RefusedEarlyError(problem_reply(error, request.path)) from None
        return StreamBody(request, coder)

    def _coder(self, request: Request, verb: bytes, service: str, partner: str) -> _Coder:
        seals = verb == b"encrypt"
        given = request.requestHeaders.getRawHeaders(b"Authorization")
        ask = Ask(
            method=request.method,
            path=request.path,
            credential=credential_of(given),
            uid=uid_of(request),
        )
        token = self._desk.admit(Scope.ENCRYPT if seals else Scope.DECRYPT, ask)
        context = _context(request)
        channel = self._node.channel(service, partner, owner=token.id)
        if seals:
            return _Sealing(channel.stream_sealer(context))
        return _Opening(channel.stream_opener(context), self._seconds)


class StreamEnd(Resource):
    """Ends the answer of a request whose body was a StreamBody."""

    isLeaf = True

    def render(self, request: Request) -> object:
        """Write the last part."""
        try:
            reply = cast("StreamBody", request.content).finish()
        except StreamBrokenError:
            cast("ITCPTransport", request.channel.transport).abortConnection()
            return NOT_DONE_YET
        if reply is not None:
            return send(request, reply)
        request.finish()
        return NOT_DONE_YET


def is_stream(path: bytes) -> bool:
    """Whether the path reads a stream."""
    return _PATH.fullmatch(path) is not None


def _context(request: Request) -> bytes:
    values = request.requestHeaders.getRawHeaders(CONTEXT_HEADER)
    if values is None:
        return b""
    try:
        if len(values) != 1:
            raise ValueError("comes twice")
        context = from_base64(values[0].decode("ascii", "replace"))
    except ValueError as error:
        raise InvalidRequestError(f"the context {error}") from None
    if len(context) > MAX_CONTEXT:
        raise InvalidRequestError(f"the context has {MAX_CONTEXT} bytes at most")
    return context
