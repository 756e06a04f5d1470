"""Channels between two services of this node: no link, no machines, just fresh random keys.

Both ends are in one process, so there is nobody to agree with and nothing to overhear. The ends
see the same events as those of a link, and neither can tell the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final

from dynamicrypt._core import system_fill
from dynamicrypt.keys.cells import KEY_BYTES
from dynamicrypt.keys.store import KEY_ID_BYTES
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.peer.in_order import InOrder
from dynamicrypt.session.link_admission import Admission, Refusal
from dynamicrypt.session.link_events import (
    ChannelDown,
    ChannelEvent,
    ChannelName,
    ChannelRefused,
    ChannelUp,
    KeyConfirmed,
    KeyMade,
    KeysForgotten,
)
from dynamicrypt.session.link_ledger import MARK_BYTES, Ledger
from dynamicrypt.session.link_statistics import Statistics

#: What stands for the group of a key exchange where there is none.
GROUP: Final = "local"


class LocalLink:
    """What carries the channels of this node with itself; see `node.carrier.Carrier`.

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
        # Whoever is told may open, close, pause and resume any channel; then keys are made.
        self._events: InOrder[ChannelEvent] = InOrder(self._feed)
        self._open: dict[ChannelName, Statistics] = {}
        self._paused: set[ChannelName] = set()
        #: Ends that may lack keys, in the order in which they are served.
        self._hungry: dict[ChannelName, None] = {}

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
            self._tell(ChannelRefused(channel=name, reason=decision.reason, detail=decision.detail))
            return
        ends = (name, _other(name))
        for end in ends:
            self._open[end] = Statistics()
        self._hungry[name] = None
        self._tell(
            *_forgotten((name, ledger), (_other(name), decision.ledger)),
            *(ChannelUp(channel=end) for end in ends),
        )

    def close_channel(self, name: ChannelName, reason: str) -> None:
        """Close both ends."""
        if not self.carries(name):
            return
        other = _other(name)
        del self._open[name], self._open[other]
        self._paused -= {name, other}
        self._tell(
            ChannelDown(channel=name, reason=reason, by_partner=False),
            ChannelDown(channel=other, reason=reason, by_partner=True),
        )

    def pause(self, name: ChannelName) -> None:
        """This end has keys enough."""
        if self.carries(name):
            self._paused.add(name)

    def resume(self, name: ChannelName) -> None:
        """This end needs keys."""
        self._paused.discard(name)
        self._hungry[name] = None
        self._tell()

    def _tell(self, *events: ChannelEvent) -> None:
        self._events.put(events, self._happened)

    def _feed(self) -> Iterable[ChannelEvent]:
        """A key for the first channel that lacks some, if any does."""
        while self._hungry:
            name = next(iter(self._hungry))
            ends = (name, _other(name))
            if self.carries(name) and not self._paused.issuperset(ends):
                return self._make(ends)
            del self._hungry[name]
        return ()

    def _make(self, ends: tuple[ChannelName, ChannelName]) -> list[ChannelEvent]:
        """Make a key, an end's turn after the other's; the holder has it first."""
        number = self._open[ends[0]].keys
        owner, holder = ends if number % 2 == 0 else ends[::-1]
        key_id = os.urandom(KEY_ID_BYTES)
        key = bytearray(KEY_BYTES)
        system_fill(memoryview(key))
        made: list[ChannelEvent] = []
        for end, key_of_end in ((holder, key[:]), (owner, key)):
            self._open[end].keys += 1
            made.append(
                KeyMade(channel=end, number=number, id=key_id, key=key_of_end, owner=end is owner)
            )
        return [*made, KeyConfirmed(channel=owner, id=key_id)]


def _forgotten(*ends: tuple[ChannelName, Ledger]) -> list[ChannelEvent]:
    """What tells an end that the other was removed while the channel was closed, and made again."""
    for _, ledger in ends:
        ledger.mark = ledger.mark or os.urandom(MARK_BYTES)
    pairs = zip(ends, reversed(ends), strict=True)
    return [KeysForgotten(channel=end) for (end, own), (_, other) in pairs if own.meet(other.mark)]


def _other(name: ChannelName) -> ChannelName:
    return ChannelName(service=name.partner, partner=name.service)
