"""A dialler's attempts, and those who wait for the first of them."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import SynchronisationError
from dynamicrypt.peer.dialler import (
    FIRST_PAUSE,
    JITTER,
    LONGEST_PAUSE,
    STEADY,
    Connection,
    Dialler,
    pause,
)


class Line:
    """A connection that is accepted and lost when the test says so."""

    def __init__(self) -> None:
        self.accepted: Deferred[None] = Deferred()
        self.closed: Deferred[None] = Deferred()
        self.dropped = False

    def drop(self) -> None:
        self.dropped = True


class DiallerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.attempts: list[Deferred[Connection]] = []
        self.failures: list[str] = []
        self.dialler = Dialler(
            self.connect, lambda error: self.failures.append(str(error)), self.clock
        )
        self.dialler.start()
        self.addCleanup(self.end)

    def connect(self) -> Deferred[Connection]:
        self.attempts.append(Deferred())
        return self.attempts[-1]

    def end(self) -> None:
        self.dialler.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def reached(self) -> Line:
        """The attempt of the moment meets an open port."""
        line = Line()
        self.attempts[-1].callback(line)
        return line

    def test_all_who_wait_learn_that_the_first_attempt_failed(self) -> None:
        waiting = [self.dialler.when_tried() for _ in range(3)]
        self.attempts[0].errback(SynchronisationError("no"))
        for each in [*waiting, self.dialler.when_tried()]:
            self.assertIn("no", str(self.failureResultOf(each, SynchronisationError).value))

    def test_all_who_wait_learn_that_it_was_accepted(self) -> None:
        waiting = [self.dialler.when_tried() for _ in range(3)]
        self.reached().accepted.callback(None)
        for each in [*waiting, self.dialler.when_tried()]:
            self.successResultOf(each)

    def test_who_stops_waiting_harms_no_other(self) -> None:
        impatient, patient = self.dialler.when_tried(), self.dialler.when_tried()
        impatient.cancel()
        self.failureResultOf(impatient, CancelledError)
        self.assertFalse(self.dialler.tried)
        self.reached().accepted.callback(None)
        self.successResultOf(patient)

    def test_a_failure_that_nobody_waits_for_is_no_fault(self) -> None:
        self.attempts[0].errback(SynchronisationError("no"))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_dials_again_after_a_failure_and_after_a_loss(self) -> None:
        self.attempts[0].errback(SynchronisationError("no"))
        self.clock.advance(LONGEST_PAUSE)
        line = self.reached()
        line.accepted.callback(None)
        self.assertIs(self.dialler.connection, line)
        line.closed.callback(None)
        self.assertIsNone(self.dialler.connection)
        self.clock.advance(LONGEST_PAUSE)
        self.assertEqual(len(self.attempts), 3)

    def lose(self, seconds: float) -> None:
        """A connection is accepted, and lost after so long."""
        line = self.reached()
        line.accepted.callback(None)
        self.clock.advance(seconds)
        line.closed.callback(None)

    def test_connections_that_are_lost_at_once_are_dialled_less_and_less_often(self) -> None:
        for _ in range(20):
            self.lose(0)
            self.clock.advance(LONGEST_PAUSE * (1 + JITTER))
        self.lose(0)
        self.clock.advance(LONGEST_PAUSE * (1 - JITTER) - 1)
        self.assertEqual(len(self.attempts), 21)

    def test_a_connection_that_lasted_is_dialled_again_soon(self) -> None:
        for _ in range(20):
            self.attempts[-1].errback(SynchronisationError("no"))
            self.clock.advance(LONGEST_PAUSE * (1 + JITTER))
        self.lose(STEADY)
        self.clock.advance(FIRST_PAUSE * (1 + JITTER))
        self.assertEqual(len(self.attempts), 22)

    def test_a_failure_is_told_of_once_until_there_is_another_or_a_success(self) -> None:
        for reason in ("no", "no", "refused", "refused", "no"):
            self.attempts[-1].errback(SynchronisationError(reason))
            self.clock.advance(LONGEST_PAUSE * (1 + JITTER))
        self.assertEqual(self.failures, ["no", "refused", "no"])
        self.lose(0)
        self.clock.advance(LONGEST_PAUSE * (1 + JITTER))
        self.attempts[-1].errback(SynchronisationError("no"))
        self.assertEqual(self.failures[3:], ["no"])

    def test_what_stopping_ends_is_no_failure(self) -> None:
        self.dialler.stop()
        self.assertEqual(self.failures, [])

    def test_tells_why_the_last_attempt_failed_until_the_next_begins(self) -> None:
        self.assertIsNone(self.dialler.failure)
        self.attempts[0].errback(SynchronisationError("no"))
        self.assertEqual(str(self.dialler.failure), "no")
        self.clock.advance(LONGEST_PAUSE)
        self.assertIsNone(self.dialler.failure)

    def test_stopping_ends_the_wait_and_drops_the_connection(self) -> None:
        waiting = self.dialler.when_tried()
        line = self.reached()
        self.dialler.stop()
        self.failureResultOf(waiting, CancelledError)
        self.assertTrue(line.dropped)

    def test_an_accepted_connection_may_be_kept(self) -> None:
        line = self.reached()
        line.accepted.callback(None)
        self.dialler.stop(keep=True)
        self.assertFalse(line.dropped)

    def test_pauses_grow_up_to_the_longest(self) -> None:
        for failures, least, most in ((1, 0.4, 0.6), (2, 0.64, 0.96), (100, 24.0, 36.0)):
            self.assertTrue(least <= pause(failures) <= most, failures)
