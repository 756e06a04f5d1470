"""The counters that were seen under one key (after RFC 4303, 3.4.3)."""

from __future__ import annotations

import sys
from typing import Final

#: Messages of one key that may overtake each other; a kilobyte at most for each key.
WINDOW_BITS: Final = 8192


class CounterWindow:
    """Which of the last WINDOW_BITS counters were seen; what lies before them counts as seen.

    Everything below the first gap is one number, so a window is as large as its gaps are long:
    messages that come in order and without loss take nothing. Asking and marking are two steps,
    because only a message that opened may leave a mark.
    """

    __slots__ = ("_bits", "_floor", "marked")

    def __init__(self) -> None:
        #: The first counter that was not seen; bit i tells of the counter i above it.
        self._floor = 0
        self._bits = 0
        #: How many counters were marked.
        self.marked = 0

    @property
    def gapped(self) -> bool:
        """Whether a counter below the highest one is missing."""
        return self._bits != 0

    @property
    def size(self) -> int:
        """Bytes that the gaps take."""
        return sys.getsizeof(self._bits)

    def is_fresh(self, counter: int) -> bool:
        """Tell whether the counter was not seen."""
        return counter >= self._floor and not self._bits >> (counter - self._floor) & 1

    def mark(self, counter: int) -> None:
        """Take note of a fresh counter."""
        self.marked += 1
        if counter == self._floor and not self._bits:
            self._floor += 1
            return
        # The floor rises first: a counter far above it would make a number of as many bits.
        lowest = counter - WINDOW_BITS + 1
        if lowest > self._floor:
            self._bits >>= lowest - self._floor
            self._floor = lowest
        self._bits |= 1 << (counter - self._floor)
        seen = (~self._bits & (self._bits + 1)).bit_length() - 1
        self._bits >>= seen
        self._floor += seen

    def close(self) -> None:
        """Give the gaps up: whatever lies below the highest counter counts as seen."""
        self._floor += self._bits.bit_length()
        self._bits = 0
