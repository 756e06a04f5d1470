"""How long a client keeps asking, and how it spreads its tries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

#: Pause (s) before the second try where the service names none; it doubles from try to try.
FIRST_PAUSE: Final = 0.05
#: The longest pause that doubling leads to (s).
LONGEST_PAUSE: Final = 2.0


class Patience:
    """The time that one call may take until it gives up.

    A pause is as long as the service asks for or, if that is longer, FIRST_PAUSE doubled with each
    try; then up to as much again by chance, so that many clients which were refused together do
    not come back together. `clock` is monotonic (s), `chance` gives numbers in [0, 1).
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        chance: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._deadline = clock() + seconds
        self._pause = FIRST_PAUSE

    @property
    def left(self) -> float:
        """Seconds until the call gives up; 0 from then on."""
        return max(0.0, self._deadline - self._clock())

    def pause(self, at_least: float = 0.0) -> bool:
        """Wait for another try; False, at once, if there is no time for one."""
        pause = max(at_least, self._pause) * (1.0 + self._chance())
        left = self.left
        if left <= at_least or not left:
            return False
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)
        self._sleep(min(pause, left))
        return True
