"""What a stream's bytes go through: a sealer or an opener, in one form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from dynamicrypt.keys.stream import StreamOpener, StreamSealer

#: For how many seconds, at least, the partner can begin to open the stream.
EXPIRES_HEADER: Final = b"DynamiCrypt-Expires-In"


class Coder(Protocol):
    """Seals or opens a body."""

    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """What the head of the answer tells beside the stream's id."""

    def update(self, data: bytes, /) -> bytes:
        """Take a part; return what it gives."""

    def finish(self) -> bytes:
        """Return the last part."""

    def abandon(self) -> None:
        """Wipe the key."""


class Sealing:
    """Seals; the first part begins with the stream's header.

    `seconds` is the clock on which keys age.
    """

    def __init__(self, sealer: StreamSealer, seconds: Callable[[], float]) -> None:
        self._sealer = sealer
        self._seconds = seconds
        self._head = sealer.header
        self.abandon = sealer.abandon

    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """For how long the stream opens."""
        left = max(0, int(self._sealer.opens_until - self._seconds()))
        return [(EXPIRES_HEADER, b"%d" % left)]

    def update(self, data: bytes, /) -> bytes:
        """Take a part; return the chunks that are full."""
        head, self._head = self._head, b""
        return head + self._sealer.update(data)

    def finish(self) -> bytes:
        """Return the last chunk."""
        return self.update(b"") + self._sealer.finish()


class Opening:
    """Opens; `seconds` is the clock on which keys age."""

    def __init__(self, opener: StreamOpener, seconds: Callable[[], float]) -> None:
        self._opener = opener
        self._seconds = seconds
        self.abandon = opener.abandon

    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """None."""
        return ()

    def update(self, data: bytes, /) -> bytes:
        """Take a part; return the plaintext of the chunks that are complete."""
        return self._opener.update(data, self._seconds())

    def finish(self) -> bytes:
        """Return the last part; raises BadCiphertextError if the end is missing."""
        return self._opener.finish(self._seconds())
