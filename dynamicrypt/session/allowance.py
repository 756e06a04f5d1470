"""How often something may happen."""

from __future__ import annotations

from typing import Final


class Allowance:
    """At most `burst` times at once and `rate` times a second after that (a token bucket).

    Times are seconds of one clock; one that is set back adds nothing. `now` is when it begins.
    """

    __slots__ = ("_burst", "_filled", "_left", "_rate")

    def __init__(self, burst: int, rate: float, now: float) -> None:
        self._burst: Final = float(burst)
        self._rate: Final = rate
        self._left = self._burst
        self._filled = now

    def take(self, now: float) -> bool:
        """Whether it may happen now; if so, it is counted."""
        self._left = min(self._burst, self._left + max(0.0, now - self._filled) * self._rate)
        self._filled = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
