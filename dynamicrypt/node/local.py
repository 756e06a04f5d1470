"""Channels between two services of this node: no link, no machines, just fresh random keys.

Both ends are in one process, so there is nobody to agree with and nothing to overhear. The ends
see the same events as those of a link, and neither can tell the difference.
"""

from __future__ import annotations

import os
from collections import deque
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
        self._open: dict[ChannelName, Statistics] = {}
        self._paused: set[ChannelName] = set()
        #: Ends that may lack keys, in the order in which they are served.
        self._hungry: dict[ChannelName, None] = {}
        self._pending: deque[ChannelEvent] = deque()
        self._acting = False

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
        """Report in order, also what those who are told cause, and then make keys.

        Whoever is told may open, close, pause and resume any channel.
        """
        self._pending.extend(events)
        if self._acting:
            return
        self._acting = True
        try:
            while self._pending or self._make_one():
                self._happened(self._pending.popleft())
        finally:
            self._acting = False

    def _make_one(self) -> bool:
        """A key for the first channel that lacks some; whether one was made."""
        while self._hungry:
            name = next(iter(self._hungry))
            ends = (name, _other(name))
            if self.carries(name) and not self._paused.issuperset(ends):
                self._make(ends)
                return True
            del self._hungry[name]
        return False

    def _make(self, ends: tuple[ChannelName, ChannelName]) -> None:
        """Make a key, an end's turn after the other's; the holder has it first."""
        number = self._open[ends[0]].keys
        owner, holder = ends if number % 2 == 0 else ends[::-1]
        key_id = os.urandom(KEY_ID_BYTES)
        key = bytearray(KEY_BYTES)
        system_fill(memoryview(key))
        for end, key_of_end in ((holder, key[:]), (owner, key)):
            self._open[end].keys += 1
            self._pending.append(
                KeyMade(channel=end, number=number, id=key_id, key=key_of_end, owner=end is owner)
            )
        self._pending.append(KeyConfirmed(channel=owner, id=key_id))


def _forgotten(*ends: tuple[ChannelName, Ledger]) -> list[ChannelEvent]:
    """What tells an end that the other was removed while the channel was closed, and made again."""
    for _, ledger in ends:
        ledger.mark = ledger.mark or os.urandom(MARK_BYTES)
    pairs = zip(ends, reversed(ends), strict=True)
    return [KeysForgotten(channel=end) for (end, own), (_, other) in pairs if own.meet(other.mark)]


def _other(name: ChannelName) -> ChannelName:
    return ChannelName(service=name.partner, partner=name.service)
