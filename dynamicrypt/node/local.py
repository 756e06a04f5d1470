"""Channels between two services of this node: no link, no machines, just fresh random keys.

Both ends are in one process, so there is nobody to agree with and nothing to overhear. The ends
see the same events as those of a link, and neither can tell the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from dynamicrypt._core import system_fill
from dynamicrypt.keys.cells import KEY_BYTES
from dynamicrypt.keys.store import KEY_ID_BYTES
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.session.link_admission import Admission, Refusal
from dynamicrypt.session.link_events import (
    ChannelDown,
    ChannelEvent,
    ChannelName,
    ChannelRefused,
    ChannelUp,
    KeyConfirmed,
    KeyMade,
)
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_statistics import Statistics

#: What stands for the group of a key exchange where there is none.
GROUP: Final = "local"


class LocalLink:
    """What carries the channels of this node with itself; see `node.channel.Carrier`.

    `judge` decides on the other end of a channel that is opened, `happened` gets the events.
    """

    group: Final = GROUP

    def __init__(
        self,
        judge: Callable[[ChannelName], Admission | Refusal],
        happened: Callable[[ChannelEvent], None],
    ) -> None:
        self._judge = judge
        self._happened = happened
        self._open: dict[ChannelName, Statistics] = {}
        self._paused: set[ChannelName] = set()
        self._filling: set[ChannelName] = set()

    def carries(self, name: ChannelName) -> bool:
        """Whether the channel is open."""
        return name in self._open

    def statistics(self, name: ChannelName) -> Statistics:
        """What the channel has done; KeyError if it is not open."""
        return self._open[name]

    def machines(self, name: ChannelName) -> list[tuple[int, bool, int, int]]:
        """None: keys come from the operating system."""
        return []

    def open(self, name: ChannelName, parameters: ExchangeParameters, ledger: Ledger) -> None:
        """Open both ends, if the other service wants the channel too."""
        if self.carries(name):
            return
        decision = self._judge(_other(name))
        if isinstance(decision, Refusal):
            self._happened(
                ChannelRefused(channel=name, reason=decision.reason, detail=decision.detail)
            )
            return
        for end in (name, _other(name)):
            self._open[end] = Statistics()
            self._paused.discard(end)
            self._happened(ChannelUp(channel=end))
        self._fill(name)

    def close_channel(self, name: ChannelName, reason: str) -> None:
        """Close both ends."""
        if not self.carries(name):
            return
        for end, by_partner in ((name, False), (_other(name), True)):
            del self._open[end]
            self._happened(ChannelDown(channel=end, reason=reason, by_partner=by_partner))

    def pause(self, name: ChannelName) -> None:
        """This end has keys enough."""
        self._paused.add(name)

    def resume(self, name: ChannelName) -> None:
        """This end needs keys."""
        self._paused.discard(name)
        self._fill(name)

    def _fill(self, name: ChannelName) -> None:
        """Make keys, an end's turn after the other's, until both have enough."""
        ends = (name, _other(name))
        if self._filling & set(ends):
            return
        self._filling |= set(ends)
        number = 0
        try:
            while all(map(self.carries, ends)) and not self._paused.issuperset(ends):
                self._make(ends[number % 2], ends[(number + 1) % 2], number)
                number += 1
        finally:
            self._filling -= set(ends)

    def _make(self, owner: ChannelName, holder: ChannelName, number: int) -> None:
        key_id = os.urandom(KEY_ID_BYTES)
        key = bytearray(KEY_BYTES)
        system_fill(memoryview(key))
        for end, key_of_end in ((holder, key[:]), (owner, key)):
            self._open[end].keys += 1
            self._happened(
                KeyMade(channel=end, number=number, id=key_id, key=key_of_end, owner=end is owner)
            )
        self._happened(KeyConfirmed(channel=owner, id=key_id))


def _other(name: ChannelName) -> ChannelName:
    return ChannelName(service=name.partner, partner=name.service)
