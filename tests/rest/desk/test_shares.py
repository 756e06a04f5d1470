"""Shares of a bounded memory: who holds most makes room, whatever comes in whatever order."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.rest.desk.shares import Place, Shares

SIZE = 1000
ENTRIES = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, SIZE)), max_size=80)


class ShareTests(SynchronousTestCase):
    @given(ENTRIES)
    def test_nobody_loses_who_holds_less_than_half_of_what_another_holds(
        self, entries: list[tuple[str, int]]
    ) -> None:
        shares = Shares(SIZE)
        costs: dict[Place, int] = {}
        held = Counter[str]()
        for number, (caller, cost) in enumerate(entries):
            while not shares.fits(cost):
                place = shares.victim(caller, cost)
                wanted = held + Counter({caller: cost})
                if place is None:
                    self.assertGreaterEqual(2 * wanted[caller], max(wanted.values()))
                    self.assertGreater(cost + held.total() - held[caller], SIZE)
                    break
                self.assertGreaterEqual(2 * wanted[place[0]], max(wanted.values()))
                held[place[0]] -= costs[place]
                shares.remove(place, costs.pop(place))
            else:
                place = caller, b"%d" % number
                costs[place] = cost
                held[caller] += cost
                shares.add(place, cost)
            self.assertLessEqual(held.total(), SIZE)
            self.assertTrue(shares.fits(SIZE - held.total()))
            self.assertFalse(shares.fits(SIZE - held.total() + 1))

    def test_of_one_size_the_oldest_goes_first(self) -> None:
        shares = Shares(10)
        for number in range(10):
            shares.add(("a", b"%d" % number), 1)
        for number in range(10):
            place = shares.victim("a", 10)
            self.assertEqual(place, ("a", b"%d" % number))
            shares.remove(("a", b"%d" % number), 1)
        self.assertIsNone(shares.victim("a", 11))

    def test_nothing_goes_for_what_finds_no_room_anyway(self) -> None:
        shares = Shares(10)
        shares.add(("a", b"small"), 1)
        shares.add(("b", b"half"), 5)
        self.assertIsNone(shares.victim("a", 8))
        self.assertIsNone(shares.victim("a", 11))
        self.assertEqual(shares.victim("a", 5), ("b", b"half"))
