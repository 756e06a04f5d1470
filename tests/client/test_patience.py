"""How long a client keeps asking."""

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.client.patience import FIRST_PAUSE, LONGEST_PAUSE, Patience
from tests.client.fake import FakeTime


class PatienceTests(SynchronousTestCase):
    def patience(self, seconds: float, chance: float = 0.0) -> Patience:
        self.time = FakeTime()
        return Patience(
            seconds, clock=self.time.monotonic, sleep=self.time.sleep, chance=lambda: chance
        )

    def test_pauses_double_up_to_a_limit(self) -> None:
        patience = self.patience(100.0)
        for _ in range(8):
            self.assertTrue(patience.pause())
        self.assertEqual(self.time.pauses[:3], [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE])
        self.assertEqual(self.time.pauses[-1], LONGEST_PAUSE)

    def test_a_pause_is_at_least_what_the_service_asks_for(self) -> None:
        patience = self.patience(100.0)
        patience.pause(1.5)
        self.assertEqual(self.time.pauses, [1.5])

    def test_chance_spreads_the_tries(self) -> None:
        patience = self.patience(100.0, chance=0.5)
        patience.pause(1.0)
        self.assertEqual(self.time.pauses, [1.5])

    def test_it_ends(self) -> None:
        patience = self.patience(1.0)
        tries = 0
        while patience.pause():
            tries += 1
        self.assertEqual((tries, patience.left), (5, 0.0))
        self.assertAlmostEqual(sum(self.time.pauses), 1.0)

    def test_it_does_not_wait_for_what_comes_too_late(self) -> None:
        patience = self.patience(1.0)
        self.assertFalse(patience.pause(1.0))
        self.assertEqual(self.time.pauses, [])

    def test_without_patience_there_is_one_try(self) -> None:
        self.assertFalse(self.patience(0.0).pause())
