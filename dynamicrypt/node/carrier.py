"""What carries channels, a link or this node itself, and the reasons for which channels end."""

from __future__ import annotations

from typing import Final, Protocol

from dynamicrypt.params import ExchangeParameters
from dynamicrypt.session.link_events import ChannelName
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_statistics import Statistics

#: Why a side ends a channel, as its partner is told (docs/protocol.md, "Channels"): the application
#: left; the process ends; the application stopped the machines for a while; a fault of the node.
LEFT: Final = "left"
NODE_STOPPED: Final = "node-stopped"
STOPPED: Final = "stopped"
FAULT: Final = "fault"
#: After these the keys that a side would send under are of no use: the partner has erased them.
ERASING: Final = frozenset({LEFT, NODE_STOPPED})

_WORDS: Final = {
    LEFT: "the partner has left",
    NODE_STOPPED: "the partner's node was stopped",
    STOPPED: "the partner has stopped its machines",
    FAULT: "a fault of the partner's node ended it",
}


def in_words(reason: str) -> str:
    """What it means to this side that the partner ended the channel for this reason."""
    return _WORDS.get(reason, f"closed by the partner: {reason}")


class Carrier(Protocol):
    """What carries a channel: the link to a peer, or this node itself."""

    @property
    def group(self) -> str:
        """The group of the key exchange under it."""

    def carries(self, name: ChannelName) -> bool:
        """Whether there is a channel of this name, opening or open."""

    def statistics(self, name: ChannelName) -> Statistics:
        """What a channel that it carries has done."""

    def machines(self, name: ChannelName) -> list[tuple[int, bool, int, int]]:
        """Of each machine its number, whether it is active, its run, and its steps in it."""

    def open(self, name: ChannelName, parameters: ExchangeParameters, ledger: Ledger) -> None:
        """Ask for a channel, unless there is one; ChannelUp or ChannelRefused follows."""

    def close_channel(self, name: ChannelName, reason: str) -> None:
        """End a channel, if there is one."""

    def pause(self, name: ChannelName) -> None:
        """This end has keys enough."""

    def resume(self, name: ChannelName) -> None:
        """This end needs keys."""
