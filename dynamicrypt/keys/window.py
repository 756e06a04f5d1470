"""The counters that were seen under one key (after RFC 6479)."""

from __future__ import annotations

from typing import Final

#: Messages of one key that may overtake each other; a kilobyte for each key that is reused.
WINDOW_BITS: Final = 8192
_MASK: Final = WINDOW_BITS - 1


class CounterWindow:
    """Which of the last WINDOW_BITS counters were seen; what lies before them counts as seen.

    A ring of bits under the highest counter. Asking and marking are two steps, because only a
    message that opened may leave a mark.
    """

    __slots__ = ("_bits", "_top", "marked")

    def __init__(self) -> None:
        # Most keys serve one message: the bits come with the second.
        self._bits = bytearray()
        self._top = -1
        #: How many counters were marked.
        self.marked = 0

    def is_fresh(self, counter: int) -> bool:
        """Tell whether the counter was not seen."""
        if counter > self._top:
            return True
        if self._top - counter >= WINDOW_BITS:
            return False
        if not self._bits:
            return counter != self._top
        place = counter & _MASK
        return not self._bits[place >> 3] >> (place & 7) & 1

    def mark(self, counter: int) -> None:
        """Take note of a fresh counter."""
        self.marked += 1
        if self._top < 0:
            self._top = counter
            return
        if not self._bits:
            self._bits = bytearray(WINDOW_BITS // 8)
            self._set(self._top)
        ahead = counter - self._top
        if ahead > 0:
            self._clear_above(ahead)
            self._top = counter
        self._set(counter)

    def _set(self, counter: int) -> None:
        place = counter & _MASK
        self._bits[place >> 3] |= 1 << (place & 7)

    def _clear_above(self, ahead: int) -> None:
        if ahead >= WINDOW_BITS:
            self._bits = bytearray(WINDOW_BITS // 8)
            return
        for skipped in range(self._top + 1, self._top + ahead):
            place = skipped & _MASK
            self._bits[place >> 3] &= ~(1 << (place & 7))
