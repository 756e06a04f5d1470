"""How often something may happen."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.session.allowance import Allowance


class AllowanceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.allowance = Allowance(2, 4.0, self.clock.seconds())

    def taken(self) -> list[bool]:
        return [self.allowance.take(self.clock.seconds()) for _ in range(3)]

    def test_a_burst_and_then_no_more(self) -> None:
        self.assertEqual(self.taken(), [True, True, False])

    def test_time_gives_it_back_up_to_the_burst(self) -> None:
        self.taken()
        self.clock.advance(0.25)
        self.assertEqual(self.taken(), [True, False, False])
        self.clock.advance(60)
        self.assertEqual(self.taken(), [True, True, False])

    def test_a_clock_that_is_set_back_gives_nothing(self) -> None:
        self.taken()
        self.clock.rightNow -= 60
        self.assertEqual(self.taken(), [False, False, False])
        self.clock.advance(0.25)
        self.assertEqual(self.taken(), [True, False, False])
