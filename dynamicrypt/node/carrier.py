"""What carries channels: a link, or this node itself."""

from __future__ import annotations

from typing import Protocol

from dynamicrypt.params import ExchangeParameters
from dynamicrypt.session.link_events import ChannelName
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_statistics import Statistics


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
