"""Of two links between the same nodes, both nodes keep the same one."""

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.node.rivals import SIMULTANEOUS, STALE, stays
from dynamicrypt.peer.peers import Address


def link(*, dialled: bool, role: int, at: float = 0.0) -> Any:
    """One end of a link that came up at this time, and was heard from then."""
    return SimpleNamespace(
        address=Address("peer", 1) if dialled else None,
        began=at,
        heard=at,
        session=SimpleNamespace(role=role),
    )


class RivalTests(SynchronousTestCase):
    def both(
        self, *, first_by: int, second_by: int, after: float, heard: float
    ) -> tuple[bool, bool]:
        """What role 0 and role 1 say of the first link; each was dialled by the role given."""
        said = []
        for role in (0, 1):
            existing = link(dialled=first_by == role, role=role)
            existing.heard = heard
            new = link(dialled=second_by == role, role=role, at=after)
            said.append(stays(existing, new, after))
        return said[0], said[1]

    def test_of_two_dialled_at_once_the_one_of_role_0_stays(self) -> None:
        self.assertEqual(self.both(first_by=0, second_by=1, after=0.1, heard=0.1), (True, True))
        self.assertEqual(self.both(first_by=1, second_by=0, after=0.1, heard=0.1), (False, False))

    def test_silent_link_gives_way(self) -> None:
        for first, second in ((0, 1), (1, 0), (0, 0), (1, 1)):
            after = STALE + 0.1
            said = self.both(first_by=first, second_by=second, after=after, heard=0.0)
            self.assertEqual(said, (False, False))

    def test_peer_that_dials_later_has_lost_its_end_and_is_believed(self) -> None:
        after = SIMULTANEOUS + 0.1
        for role in (0, 1):
            existing, new = link(dialled=True, role=role), link(dialled=False, role=role, at=after)
            existing.heard = after
            self.assertFalse(stays(existing, new, after))

    def test_of_two_that_the_same_node_dialled_the_newer_stays(self) -> None:
        for role in (0, 1):
            said = self.both(first_by=role, second_by=role, after=0.1, heard=0.1)
            self.assertEqual(said, (False, False))
