"""Which epoch each round of a channel belongs to, and the channel's keys of that epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from dynamicrypt.errors import RemoteError
from dynamicrypt.keys.schedule import ChannelContext, ChannelKeys

#: How far ahead of its own rounds a side lets an epoch begin; an honest one begins 2 to 5 ahead.
MAX_AHEAD: Final = 8


class TurnError(RemoteError):
    """The partner let an epoch begin with a round that is past or far. Its program is faulty."""


class EpochKeysOf(Protocol):
    """What a channel needs of an epoch; see `keys.schedule.EpochKeys`."""

    def channel(self, context: ChannelContext) -> ChannelKeys:
        """The keys of a channel in this epoch."""


class EpochSource(Protocol):
    """What a channel needs of the link's epochs; see `link_epochs.Epochs`."""

    @property
    def number(self) -> int:
        """The newest epoch that was begun, proven or not."""

    def keys(self, number: int) -> EpochKeysOf | None:
        """The keys of an epoch if it is the one proven last."""


@dataclass(slots=True)
class Turn:
    """An epoch that begins with round `first`; its keys come once it is proven."""

    first: int
    epoch: int
    keys: ChannelKeys | None = None


class Turns:
    """The present keys of a channel and the epochs to come."""

    __slots__ = ("_coming", "_context", "_epochs", "_keys")

    def __init__(self, epochs: EpochSource) -> None:
        self._coming: list[Turn] = []
        self._epochs = epochs
        self._keys: ChannelKeys | None = None
        self._context: ChannelContext | None = None

    def begin(self) -> None:
        """The channel begins in the newest epoch.

        To be called when role 0 sends its Open or Accept, or role 1 takes that message: then both
        sides mean the same epoch, whatever else is under way.
        """
        self._coming = [Turn(0, self._epochs.number)]

    def agree(self, context: ChannelContext) -> None:
        """The channel is agreed: keys can be derived."""
        self._context = context
        self.refresh()

    def add(self, first: int, epoch: int, sent: int) -> None:
        """The epoch begins with round `first`; `sent` is the last one that this side sent.

        Turns that would not begin before it are superseded. Raises TurnError.
        """
        if not sent < first <= sent + MAX_AHEAD:
            raise TurnError(f"epoch {epoch} cannot begin with round {first}")
        while self._coming and self._coming[-1].first >= first:
            superseded = self._coming.pop().keys
            if superseded is not None:
                superseded.wipe()
        self._coming.append(Turn(first, epoch))

    def refresh(self) -> None:
        """Derive what a proven epoch makes possible."""
        if self._context is None:
            return
        for turn in self._coming:
            if turn.keys is None and (epoch := self._epochs.keys(turn.epoch)) is not None:
                turn.keys = epoch.channel(self._context)

    def keys_of(self, number: int) -> ChannelKeys | None:
        """The keys of the next round, or None while its epoch is not proven.

        What belongs to earlier epochs is erased: every earlier round must be finished.
        """
        while self._coming and self._coming[0].first <= number:
            if self._coming[0].keys is None:
                return None
            if self._keys is not None:
                self._keys.wipe()
            self._keys = self._coming.pop(0).keys
        return self._keys

    def wanted(self, number: int) -> bool:
        """Whether round `number` lies before an epoch to come: so old keys go, even in a pause."""
        return any(number < turn.first for turn in self._coming)

    def wipe(self) -> None:
        """Erase all keys."""
        for keys in (self._keys, *(turn.keys for turn in self._coming)):
            if keys is not None:
                keys.wipe()
        self._keys = None
        self._coming = []
