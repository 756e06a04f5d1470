"""What is remembered of keys that are gone."""

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.keys.tombstones import Fate, Tombstones


class TombstonesTests(SynchronousTestCase):
    def test_remembers_the_last_half_at_least(self) -> None:
        stones = Tombstones(10, 100.0)
        for number in range(1000):
            stones.add(b"%d" % number, Fate.USED, 0.0)
            self.assertLessEqual(len(stones), 10)
            for last in range(max(0, number - 4), number + 1):
                self.assertIs(stones.get(b"%d" % last), Fate.USED)

    def test_remembers_half_the_lifetime_at_least_and_then_forgets(self) -> None:
        stones = Tombstones(1000, 100.0)
        stones.add(b"a", Fate.EXPIRED, 0.0)
        stones.forget(49.0)
        self.assertIs(stones.get(b"a"), Fate.EXPIRED)
        for now in (50.0, 100.0):
            stones.forget(now)
        self.assertIsNone(stones.get(b"a"))
        self.assertEqual(len(stones), 0)

    def test_clear_forgets_everything(self) -> None:
        stones = Tombstones(10, 100.0)
        stones.add(b"a", Fate.USED, 0.0)
        stones.clear()
        self.assertIsNone(stones.get(b"a"))
