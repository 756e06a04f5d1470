"""Cutting a stream of bytes into lines of bounded length, in linear time."""

from __future__ import annotations

from dynamicrypt.wire.link import MAX_LINE, LinkLineError


class LineCutter:
    """Collects bytes and gives complete lines without their LF.

    Holds at most MAX_LINE bytes of an unfinished line, in pieces: what was searched once is not
    searched again.
    """

    __slots__ = ("_held", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0

    def cut(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes.

        Raises LinkLineError, after which the stream is of no use, when the unfinished line is too
        long; finished ones are checked by the codec.
        """
        first, *rest = data.split(b"\n")
        if not rest:
            self._keep(first)
            return []
        self._pieces.append(first)
        lines = [b"".join(self._pieces), *rest[:-1]]
        self._pieces = []
        self._held = 0
        self._keep(rest[-1])
        return lines

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._held += len(piece)
            if self._held >= MAX_LINE:
                self._pieces = []
                raise LinkLineError("a line that is longer than the limit")
