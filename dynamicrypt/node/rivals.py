"""Two links between the same two nodes: which of them stays."""

from __future__ import annotations

from typing import Final

from dynamicrypt.peer.link import LinkProtocol

#: A link that has been up for less than this (s) when the peer dials was dialled by both at once.
SIMULTANEOUS: Final = 10.0
#: A link that was silent for this long (s), though idle ones are asked every 5 s, has no chance
#: against a new one.
STALE: Final = 8.0


def stays(existing: LinkProtocol, new: LinkProtocol, now: float) -> bool:
    """Whether the link that there is stays, and not the new one; both nodes say the same.

    A node that dials although there is a link has lost its end of it, or dialled two addresses of
    the peer at once. Where both dialled at once, the link that role 0 dialled stays.
    """
    if now - existing.heard > STALE:
        return False
    if (existing.address is None) is (new.address is None):
        return False
    if now - existing.began > SIMULTANEOUS:
        return new.address is not None
    return (existing.address is not None) is (new.session.role == 0)
