"""The clock of a daemon: it goes on while the host sleeps."""

import time
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt import tap
from dynamicrypt.node.clock import steady_clock


class ClockTests(SynchronousTestCase):
    def asleep(self) -> None:
        """Let the host have slept: the two clocks of the kernel differ from now on."""
        self.patch(time, "CLOCK_BOOTTIME", 7)
        self.patch(time, "clock_gettime", {7: 30_000.0}.__getitem__)
        self.patch(time, "monotonic", lambda: 1_000.0)

    def test_it_counts_the_time_asleep(self) -> None:
        self.asleep()
        self.assertEqual(steady_clock()(), 30_000.0)

    def test_where_there_is_no_such_clock_it_is_the_monotonic_one(self) -> None:
        self.asleep()
        del time.CLOCK_BOOTTIME
        self.assertEqual(steady_clock()(), 1_000.0)

    def test_it_goes_forward(self) -> None:
        clock = steady_clock()
        self.assertLessEqual(clock(), clock())

    def test_the_service_measures_its_times_on_it(self) -> None:
        def clock() -> float:
            return 5.0

        self.patch(tap, "steady_clock", lambda: clock)
        options = tap.Options({"DYNAMICRYPT_STATE_DIR": self.mktemp()})
        options.parseOptions(["--api-port", "0", "--listen-port", "0"])
        reactor: Any = MemoryReactorClock()
        tap._service(options.settings, reactor)
        self.assertIs(cast("Callable[[], float]", reactor.seconds), clock)
