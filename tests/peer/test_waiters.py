"""Who waits may leave, and is told once."""

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer.waiters import Waiters


class WaitersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.waiters = Waiters()

    def test_all_are_told_and_forgotten(self) -> None:
        first, second = self.waiters.wait(), self.waiters.wait()
        self.waiters.release()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(len(self.waiters), 0)

    def test_all_fail_with_the_error(self) -> None:
        both = self.waiters.wait(), self.waiters.wait()
        self.waiters.fail(LookupError("x"))
        for waiting in both:
            self.failureResultOf(waiting, LookupError)

    def test_one_that_leaves_harms_no_other(self) -> None:
        first, second = self.waiters.wait(), self.waiters.wait()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(second)
        self.waiters.release()
        self.successResultOf(second)

    def test_one_may_be_sent_away_while_all_are_told(self) -> None:
        first, second = self.waiters.wait(), self.waiters.wait()
        first.addCallback(lambda _: second.cancel())
        self.waiters.release()
        self.failureResultOf(second, CancelledError)

    def test_one_that_waits_again_waits_for_the_next_time(self) -> None:
        again = []
        self.waiters.wait().addCallback(lambda _: again.append(self.waiters.wait()))
        self.waiters.release()
        self.assertNoResult(again[0])

    def test_one_that_waits_again_is_not_told_in_the_place_of_one_that_left(self) -> None:
        again = []
        first, second = self.waiters.wait(), self.waiters.wait()
        first.addCallback(lambda _: second.cancel())
        first.addCallback(lambda _: again.append(self.waiters.wait()))
        self.waiters.release()
        self.failureResultOf(second, CancelledError)
        self.assertNoResult(again[0])
