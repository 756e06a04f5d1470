"""Bodies of requests: kept in memory within a bound, or used up as they come."""

from __future__ import annotations

from abc import abstractmethod
from io import RawIOBase

from twisted.web.resource import IResource

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.web.reply import Reply


class BodyTooLargeError(Exception):
    """The body exceeds Limits.body. It is answered with 413."""


class RefusedEarlyError(Exception):
    """The request is answered before its body is there; the rest of it is dropped."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("refused before the body was read")
        self.reply = reply


class AnswerBrokenError(Exception):
    """The answer has begun and cannot be ended: it breaks off."""


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


class LiveBody(RawIOBase):
    """A body that is used up as it comes, and whose answer may begin before its end.

    `write` takes a part; it raises RefusedEarlyError where the answer has not begun, and
    AnswerBrokenError where it has.
    """

    @abstractmethod
    def end(self) -> IResource:
        """What ends the answer when all has come."""

    @abstractmethod
    def stall(self, error: DynamiCryptError) -> Reply | None:
        """The client is too slow: the answer that says so, None where another one has begun."""
