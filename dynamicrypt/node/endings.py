"""Why channels and links end: what the other node is told, and what people read of it.

docs/protocol.md, "Link" and "Channels", says what these mean to a program.
"""

from __future__ import annotations

from typing import Final

#: A channel: the application left; the process ends; the application stopped the machines for a
#: while; a fault of the node.
LEFT: Final = "left"
NODE_STOPPED: Final = "node-stopped"
STOPPED: Final = "stopped"
FAULT: Final = "fault"
#: After these the keys that a side would send under are of no use: the partner has erased them.
ERASING: Final = frozenset({LEFT, NODE_STOPPED})

#: A link, to people: the process ends; nobody here needs it; the peer was removed; it was allowed a
#: classical key exchange, and is no more.
GOODBYE: Final = "the node stopped"
UNUSED: Final = "no channel needs it"
UNPAIRED: Final = "unpaired"
CLASSICAL: Final = "a classical key exchange is not allowed any more"
#: A link beside another with the same peer: the new one gives way, or the one before it.
REDUNDANT: Final = "redundant"
SUPERSEDED: Final = "superseded"
#: After these the other link, which stays, carries the channels on.
GIVING_WAY: Final = frozenset({REDUNDANT, SUPERSEDED})

_BY_PARTNER: Final = {
    LEFT: "the partner has left",
    NODE_STOPPED: "the partner's node was stopped",
    STOPPED: "the partner has stopped its machines",
    FAULT: "a fault of the partner's node ended it",
}
_BY_US: Final = {FAULT: "a fault of this node ended it; the log tells more"}


def in_words(reason: str, *, by_partner: bool) -> str:
    """What people read of a channel that one of its sides, or the end of its link, ended."""
    if by_partner:
        return _BY_PARTNER.get(reason, f"closed by the partner: {reason}")
    return _BY_US.get(reason, reason)
