"""Why channels and links end: what the other node is told, and what people read of it.

docs/protocol.md, "Link" and "Channels", says what these mean to a program.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dynamicrypt.errors import (
    ChannelStoppedError,
    DynamiCryptError,
    NoKeyYetError,
    NotOpenedError,
    ProfilesDifferError,
    StoppingError,
    UnknownChannelError,
)

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
#: What people read of a peer that was removed; the node at the other end does not know that it was.
REMOVED: Final = "the peer is known no more"
#: A link beside another with the same peer: the new one gives way, or the one before it.
REDUNDANT: Final = "redundant"
SUPERSEDED: Final = "superseded"
#: After these the other link, which stays, carries the channels on.
GIVING_WAY: Final = frozenset({REDUNDANT, SUPERSEDED})


class Absence(NamedTuple):
    """Why a channel is not up, for people; and the error of who finds no key because of it."""

    words: str
    error: type[NoKeyYetError] = NoKeyYetError


ASKED: Final = Absence("the partner is asked")
NOT_OPENED: Final = Absence("the partner has not opened it", NotOpenedError)
STOPPED_HERE: Final = Absence("the application has stopped it", ChannelStoppedError)
_STOPPED_THERE: Final = Absence("the partner has stopped its machines", ChannelStoppedError)

_BY_PARTNER: Final = {
    LEFT: Absence("the partner has left", NotOpenedError),
    NODE_STOPPED: Absence("the partner's node was stopped"),
    STOPPED: _STOPPED_THERE,
    FAULT: Absence("a fault of the partner's node ended it"),
}
_BY_US: Final = {FAULT: Absence("a fault of this node ended it; the log tells more")}
_REFUSED: Final = {"unknown": NOT_OPENED, STOPPED: _STOPPED_THERE}


def after_end(reason: str, *, by_partner: bool) -> Absence:
    """Of a channel that one of its sides, or the end of its link, ended."""
    if by_partner:
        return _BY_PARTNER.get(reason, Absence(f"closed by the partner: {reason}"))
    return _BY_US.get(reason, Absence(reason))


def after_close(reason: str) -> DynamiCryptError:
    """For who waits while this side closes a channel."""
    if reason == NODE_STOPPED:
        return StoppingError("the node stops")
    return UnknownChannelError("the channel was closed")


def after_refusal(reason: str, detail: str) -> Absence:
    """Of a channel that the partner refused."""
    if reason == "parameters":
        words = f"the two nodes have different profiles; the partner says: {detail}"
        return Absence(words, ProfilesDifferError)
    return _REFUSED.get(reason, Absence(f"refused by the partner: {reason} {detail}".rstrip()))
