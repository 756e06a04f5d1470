"""How many connections a known peer may have, and how often it may come."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer.errors import TooManyConnectionsError
from dynamicrypt.peer.visitors import (
    ARRIVALS,
    ARRIVALS_PER_SECOND,
    MAX_CONNECTIONS,
    Visitors,
)

ALICE, BOB = b"a" * 32, b"b" * 32


class VisitorsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.visitors = Visitors(self.clock.seconds)

    def entered(self, attempts: int, *, stays: bool = False) -> int:
        """How many attempts of Alice succeed."""
        count = 0
        for _ in range(attempts):
            try:
                self.visitors.enter(ALICE)
            except TooManyConnectionsError:
                continue
            count += 1
            if not stays:
                self.visitors.leave(ALICE)
        return count

    def test_a_peer_has_a_bounded_number_of_connections(self) -> None:
        self.assertEqual(self.entered(ARRIVALS, stays=True), MAX_CONNECTIONS)
        self.clock.advance(10)
        self.assertEqual(self.entered(1), 0)
        self.visitors.leave(ALICE)
        self.assertEqual(self.entered(1), 1)

    def test_a_peer_that_dials_in_a_loop_waits(self) -> None:
        self.assertEqual(self.entered(100), ARRIVALS)
        self.clock.advance(1)
        self.assertEqual(self.entered(100), ARRIVALS_PER_SECOND)

    def test_another_peer_is_not_disturbed(self) -> None:
        self.entered(100, stays=True)
        self.visitors.enter(BOB)

    def test_nothing_is_kept_of_peers_that_left_long_ago(self) -> None:
        for number in range(1000):
            other = number.to_bytes(32)
            self.visitors.enter(other)
            self.visitors.leave(other)
        self.clock.advance(ARRIVALS / ARRIVALS_PER_SECOND)
        self.visitors.enter(ALICE)
        self.assertEqual(len(self.visitors._arrivals), 1)
        self.assertEqual(set(self.visitors._connections), {ALICE})

    @given(st.lists(st.tuples(st.sampled_from((ALICE, BOB)), st.booleans(), st.floats(0, 1))))
    def test_counts_are_exact(self, steps: list[tuple[bytes, bool, float]]) -> None:
        visitors = Visitors(self.clock.seconds)
        inside = {ALICE: 0, BOB: 0}
        for who, comes, pause in steps:
            self.clock.advance(pause)
            if comes:
                try:
                    visitors.enter(who)
                except TooManyConnectionsError:
                    continue
                inside[who] += 1
            elif inside[who]:
                visitors.leave(who)
                inside[who] -= 1
            self.assertLessEqual(inside[who], MAX_CONNECTIONS)
            self.assertEqual(visitors._connections, {at: n for at, n in inside.items() if n})
