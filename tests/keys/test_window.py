"""The window of counters, against the set of all counters."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.keys.window import WINDOW_BITS, CounterWindow

NEAR = st.integers(0, 40)
FAR = st.integers(0, 5 * WINDOW_BITS)
EDGE = st.sampled_from([0, 1, WINDOW_BITS - 1, WINDOW_BITS, WINDOW_BITS + 1, 2**32 - 1])


class CounterWindowTests(SynchronousTestCase):
    @given(st.lists(NEAR | FAR | EDGE, max_size=60))
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
        self.assertEqual(window.marked, len(seen))
