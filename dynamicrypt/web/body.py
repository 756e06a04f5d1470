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


class Gathered:
    """Bytes that come in parts, at most twice their size in memory.

    When it grows, and when it is emptied, what it held is overwritten: the one after the other of
    the places where a growing `bytearray` or BytesIO was would keep it.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        """Add a part."""
        begin, self._size = self._size, self._size + len(data)
        if self._size > len(self._held):
            grown = bytearray(max(self._size, 2 * len(self._held)))
            grown[:begin] = memoryview(self._held)[:begin]
            self._wipe()
            self._held = grown
        self._held[begin : self._size] = data

    def take(self) -> bytes:
        """All that came, which is then held no more."""
        taken = bytes(memoryview(self._held)[: self._size])
        self.clear()
        return taken

    def clear(self) -> None:
        """Hold nothing."""
        self._wipe()
        self._held, self._size = bytearray(), 0

    def _wipe(self) -> None:
        self._held[:] = bytes(len(self._held))


class Body(RawIOBase):
    """A request body in memory; raises BodyTooLargeError instead of growing past `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self._held = Gathered()

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # twisted.web writes bytes
        """Append; where it is too much, nothing is kept."""
        if len(self._held) + len(data) > self._limit:
            self._held.clear()
            raise BodyTooLargeError
        self._held.append(data)
        return len(data)

    def tell(self) -> int:
        """How much is there."""
        return len(self._held)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """It is read from its beginning anyway."""
        return 0

    def read(self, size: int = -1, /) -> bytes:
        """All of it, once."""
        return self._held.take()

    def close(self) -> None:
        """The request is over."""
        self._held.clear()
        super().close()


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
