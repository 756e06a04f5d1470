"""Lines about strangers are few, and none goes uncounted."""

from twisted.internet.task import Clock
from twisted.logger import LogEvent, Logger, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer.sparse_log import BURST, PERIOD, RATE, SparseLog


class SparseLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = SparseLog(Logger(), self.clock)

    def lines(self, count: int) -> list[str]:
        """What is written of so many lines."""
        with capturedLogs() as events:
            for number in range(count):
                self.log.info("line {number}", number=number)
        return [formatEvent(event) for event in events]

    def advanced(self, seconds: float) -> list[LogEvent]:
        with capturedLogs() as events:
            self.clock.advance(seconds)
        return list(events)

    def test_a_burst_is_written_and_no_more(self) -> None:
        self.assertEqual(self.lines(100), [f"line {number}" for number in range(BURST)])
        self.assertEqual(len(self.lines(100)), 0)
        self.log.flush()

    def test_time_lets_lines_be_written_again(self) -> None:
        self.lines(BURST)
        self.clock.advance(1 / RATE)
        self.assertEqual(len(self.lines(1)), 1)

    def test_those_that_were_not_written_are_counted(self) -> None:
        self.lines(BURST + 7)
        self.assertEqual(self.advanced(PERIOD - 0.1), [])
        (event,) = self.advanced(0.1)
        self.assertEqual(formatEvent(event), "7 more lines like these were not written")
        self.assertEqual(event["count"], 7)

    def test_the_count_begins_anew(self) -> None:
        self.lines(BURST + 7)
        self.clock.advance(PERIOD)
        self.lines(100)
        with capturedLogs() as events:
            self.log.flush()
        self.assertEqual([event["count"] for event in events], [100 - BURST])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_is_told_where_all_was_written(self) -> None:
        self.lines(BURST)
        with capturedLogs() as events:
            self.log.flush()
        self.assertEqual(events, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
