"""The window of counters, against the set of all counters."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.keys.window import WINDOW_BITS, CounterWindow

NEAR = st.integers(0, 40)
FAR = st.integers(0, 5 * WINDOW_BITS)
EDGE = st.sampled_from([0, 1, WINDOW_BITS - 1, WINDOW_BITS, WINDOW_BITS + 1, 2**32 - 1])
COUNTERS = st.lists(NEAR | FAR | EDGE, max_size=60)
#: Bytes of a number without gaps, and of one that is nothing but gaps.
LEAST, MOST = 28, 1130


def filled(counters: list[int]) -> CounterWindow:
    """Return the window of these, as far as they are fresh."""
    window = CounterWindow()
    for counter in counters:
        if window.is_fresh(counter):
            window.mark(counter)
    return window


class CounterWindowTests(SynchronousTestCase):
    @given(COUNTERS)
    def test_fresh_means_neither_seen_nor_too_old(self, counters: list[int]) -> None:
        window = CounterWindow()
        seen: set[int] = set()
        for counter in counters:
            too_old = bool(seen) and max(seen) - counter >= WINDOW_BITS
            fresh = counter not in seen and not too_old
            self.assertEqual(window.is_fresh(counter), fresh)
            if fresh:
                window.mark(counter)
                seen.add(counter)
            self.assertLessEqual(window.size, MOST)
        self.assertEqual(window.marked, len(seen))
        last = max(seen, default=-1)
        asked = range(max(0, last - WINDOW_BITS + 1), last)
        self.assertEqual(window.gapped, any(window.is_fresh(counter) for counter in asked))

    def test_order_without_loss_takes_nothing(self) -> None:
        window = filled(list(range(1000)))
        self.assertLessEqual(window.size, LEAST)
        self.assertFalse(window.gapped)

    def test_gap_that_is_filled_or_left_behind_takes_nothing_any_more(self) -> None:
        for counters in ([*range(1, 900), 0], list(range(1, WINDOW_BITS + 1))):
            self.assertTrue(filled(counters[:-1]).gapped)
            self.assertLessEqual(filled(counters).size, LEAST)

    @given(COUNTERS)
    def test_closed_window_counts_what_lies_below_the_highest_as_seen(
        self, counters: list[int]
    ) -> None:
        window = filled(counters)
        last = max(counters, default=-1)
        window.close()
        self.assertFalse(window.gapped)
        for counter in {0, last // 2, last - 1, last}:
            self.assertFalse(0 <= counter <= last and window.is_fresh(counter))
        self.assertTrue(window.is_fresh(last + 1))
