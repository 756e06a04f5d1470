"""The clock on which a daemon measures all its times."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial


def steady_clock() -> Callable[[], float]:
    """A clock (s) that nobody sets, and that goes on while the host sleeps, where there is one.

    A jump of the host's clock would make every partner look silent, or none. And a clock that
    stands still while a laptop sleeps would have it seal under keys that its partner has dropped
    long ago. CLOCK_BOOTTIME (clock_gettime(2)) is the clock of Linux that does neither; elsewhere
    this is time.monotonic.
    """
    boot_time: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic if boot_time is None else partial(time.clock_gettime, boot_time)
