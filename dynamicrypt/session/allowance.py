"""How often something may happen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


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

    def full(self, now: float) -> bool:
        """Whether it is as a new one: the whole burst is left."""
        self._left = min(self._burst, self._left + max(0.0, now - self._filled) * self._rate)
        self._filled = now
        return self._left == self._burst

    def take(self, now: float) -> bool:
        """Whether it may happen now; if so, it is counted."""
        if not self.full(now) and self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Allowances(Generic[Key]):
    """For each key an allowance of its own, with the same `burst` and `rate`.

    One that is full again is forgotten, as a new one would be no different: kept are those of keys
    that asked within the last burst / rate seconds or so, however many there were before.
    """

    __slots__ = ("_burst", "_rate", "_used")

    def __init__(self, burst: int, rate: float) -> None:
        self._burst: Final = burst
        self._rate: Final = rate
        # Who asked last is at the end.
        self._used: OrderedDict[Key, Allowance] = OrderedDict()

    def __len__(self) -> int:
        return len(self._used)

    def take(self, key: Key, now: float) -> bool:
        """Whether it may happen now for this key; if so, it is counted."""
        while self._used and next(iter(self._used.values())).full(now):
            self._used.popitem(last=False)
        allowance = self._used.get(key)
        if allowance is None:
            allowance = self._used[key] = Allowance(self._burst, self._rate, now)
        self._used.move_to_end(key)
        return allowance.take(now)
