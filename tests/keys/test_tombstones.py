"""What is remembered of keys that are gone."""

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.keys.tombstones import Fate, Tombstones
from dynamicrypt.keys.window import CounterWindow

#: Bytes of a window with gaps among its first few counters.
SMALL = 28


def window(*counters: int) -> CounterWindow:
    """Return what a key has that opened messages with these counters."""
    seen = CounterWindow()
    for counter in counters:
        seen.mark(counter)
    return seen


class TombstonesTests(SynchronousTestCase):
    def test_remembers_the_last_half_at_least(self) -> None:
        stones = Tombstones(10, 100.0, 0)
        for number in range(1000):
            stones.add(b"%d" % number, Fate.OPENED, 0.0)
            self.assertLessEqual(len(stones), 10)
            for last in range(max(0, number - 4), number + 1):
                self.assertIs(stones.get(b"%d" % last), Fate.OPENED)

    def test_remembers_half_the_lifetime_at_least_and_then_forgets(self) -> None:
        stones = Tombstones(1000, 100.0, 1000)
        stones.add(b"a", Fate.EXPIRED, 0.0)
        stones.add(b"b", Fate.EXPIRED, 0.0, window(1))
        for now in range(50):
            stones.forget(now)
            self.assertIs(stones.get(b"a"), Fate.EXPIRED)
        stones.forget(50.0)
        self.assertIs(stones.get(b"b", 0), Fate.EXPIRED)
        stones.forget(100.0)
        self.assertIsNone(stones.get(b"a"))
        self.assertIsNone(stones.get(b"b", 1))
        self.assertEqual((len(stones), stones.volume), (0, 0))

    def test_clear_forgets_everything(self) -> None:
        stones = Tombstones(10, 100.0, 1000)
        stones.add(b"a", Fate.OPENED, 0.0)
        stones.add(b"b", Fate.EXPIRED, 0.0, window(1))
        stones.clear()
        self.assertIsNone(stones.get(b"a"))
        self.assertIsNone(stones.get(b"b", 1))
        self.assertEqual(stones.volume, 0)


class WindowTests(SynchronousTestCase):
    def test_tells_each_message_its_own_fate(self) -> None:
        stones = Tombstones(10, 100.0, 1000)
        stones.add(b"a", Fate.EXPIRED, 0.0, window(0, 1, 3))
        fates = [stones.get(b"a", counter) for counter in range(6)]
        used, late = Fate.OPENED, Fate.EXPIRED
        self.assertEqual(fates, [used, used, late, used, late, late])

    def test_key_that_served_is_used_to_who_asks_for_the_key_itself(self) -> None:
        stones = Tombstones(10, 100.0, 1000)
        stones.add(b"a", Fate.EXPIRED, 0.0, window(5))
        self.assertIs(stones.get(b"a"), Fate.OPENED)

    def test_gaps_are_bounded_and_those_that_ended_first_are_given_up(self) -> None:
        stones = Tombstones(100, 100.0, 3 * SMALL)
        for number in range(40):
            stones.add(b"%d" % number, Fate.EXPIRED, 0.0, window(1, 3))
            self.assertLessEqual(stones.volume, 3 * SMALL)
            for last in range(number + 1):
                missed = Fate.EXPIRED if last > number - 3 else Fate.OPENED
                fates = [stones.get(b"%d" % last, counter) for counter in range(5)]
                self.assertEqual(fates, [missed, Fate.OPENED, missed, Fate.OPENED, Fate.EXPIRED])

    def test_gaps_of_the_older_generation_are_given_up_first(self) -> None:
        stones = Tombstones(8, 100.0, 2 * SMALL)
        for number in range(6):
            stones.add(b"%d" % number, Fate.EXPIRED, 0.0, window(1))
        fates = [stones.get(b"%d" % number, 0) for number in range(6)]
        self.assertEqual(fates, [Fate.OPENED] * 4 + [Fate.EXPIRED] * 2)

    def test_counters_without_gaps_take_no_room_from_those_with_gaps(self) -> None:
        stones = Tombstones(100, 100.0, SMALL)
        stones.add(b"a", Fate.EXPIRED, 0.0, window(1))
        for number in range(20):
            stones.add(b"%d" % number, Fate.EXPIRED, 0.0, window(0, 1))
        self.assertIs(stones.get(b"a", 0), Fate.EXPIRED)

    def test_gap_that_finds_no_room_is_given_up_at_once(self) -> None:
        stones = Tombstones(10, 100.0, 0)
        stones.add(b"a", Fate.EXPIRED, 0.0, window(1))
        self.assertIs(stones.get(b"a", 0), Fate.OPENED)
        self.assertIs(stones.get(b"a", 2), Fate.EXPIRED)
        self.assertEqual(stones.volume, 0)
