"""How often something may happen."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.session.allowance import Allowance, Allowances


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


class AllowancesTests(SynchronousTestCase):
    def test_each_key_has_its_own(self) -> None:
        allowances: Allowances[str] = Allowances(2, 4.0)
        self.assertEqual([allowances.take("a", 0.0) for _ in range(3)], [True, True, False])
        self.assertTrue(allowances.take("b", 0.0))

    def test_what_is_full_again_is_forgotten(self) -> None:
        allowances: Allowances[int] = Allowances(2, 4.0)
        for number in range(1000):
            allowances.take(number, number / 100)
        # Who asked a quarter of a second ago has the burst again.
        self.assertLessEqual(len(allowances), 26)

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from((0.0, 0.125, 0.25, 3.0)))))
    def test_forgetting_changes_nothing(self, asked: list[tuple[str, float]]) -> None:
        allowances: Allowances[str] = Allowances(2, 4.0)
        kept = {key: Allowance(2, 4.0, 0.0) for key in "abc"}
        now = 0.0
        for key, pause in asked:
            now += pause
            self.assertEqual(allowances.take(key, now), kept[key].take(now))
