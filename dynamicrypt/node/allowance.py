"""How often something may happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final


class Allowance:
    """At most `burst` times at once and `rate` times a second after that (a token bucket).

    `seconds` is a clock; one that is set back adds nothing.
    """

    __slots__ = ("_burst", "_filled", "_left", "_rate", "_seconds")

    def __init__(self, burst: int, rate: float, seconds: Callable[[], float]) -> None:
        self._burst: Final = float(burst)
        self._rate: Final = rate
        self._seconds: Final = seconds
        self._left = self._burst
        self._filled = seconds()

    def take(self) -> bool:
        """Whether it may happen now; if so, it is counted."""
        now = self._seconds()
        self._left = min(self._burst, self._left + max(0.0, now - self._filled) * self._rate)
        self._filled = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
