"""What a link tells its node: events of the link, of its channels, and of their keys.

Keys are known by their ids, 16 bytes (`keys.schedule.id_text` writes them as UUIDs). A store is
driven by three events: KeyMade puts a key in; for an owned key KeyConfirmed makes it usable for
sending; KeyUnmatched takes it out again. KeyConfirmed and KeyUnmatched may name keys of an
earlier link, or keys that the store has dropped meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dynamicrypt.errors import RemoteError


class ChannelName(NamedTuple):
    """A channel as this node sees it: its own service, and the partner at the other node."""

    service: str
    partner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerIncarnationChanged:
    """The partner's process is not the one known before.

    Erase every key shared with it and clear the ledgers of its channels. Comes before LinkUp.
    """

    incarnation: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUp:
    """Both sides have proven epoch 0; channels can be opened."""

    name: str
    incarnation: bytes
    version: tuple[int, int]
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDown:
    """The link is over; every channel has had its ChannelDown. Close the transport.

    `error` is the partner's fault, if it was one.
    """

    reason: str
    error: RemoteError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochBegun:
    """Both sides have proven the secret of this epoch."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelUp:
    """Both sides have accepted, and confirmations of earlier keys are settled."""

    channel: ChannelName


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRefused:
    """The partner does not open the channel. `reason` is a word for programs."""

    channel: ChannelName
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDown:
    """The channel is over; `by_partner` if it closed it, while the link stays."""

    channel: ChannelName
    reason: str
    by_partner: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerPaused:
    """The partner has keys enough; rounds end when we pause too."""

    channel: ChannelName


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerResumed:
    """The partner needs keys again."""

    channel: ChannelName


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMade:
    """A key of 32 bytes; whoever takes the event must wipe the buffer after copying it.

    `owner`: the key is ours to send with, once KeyConfirmed names it. Otherwise the partner may
    send with it from now on.
    """

    channel: ChannelName
    number: int
    id: bytes
    key: bytearray
    owner: bool

    def __repr__(self) -> str:
        return f"KeyMade(channel={self.channel}, number={self.number}, owner={self.owner})"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyConfirmed:
    """The partner holds this key of ours: it may be used for sending."""

    channel: ChannelName
    id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUnmatched:
    """The two sides do not share this key: erase it."""

    channel: ChannelName
    id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysForgotten:
    """The partner has none of the channel's earlier keys, though its process goes on: erase them.

    Comes before any key of this link.
    """

    channel: ChannelName


ChannelEvent = (
    ChannelUp
    | ChannelRefused
    | ChannelDown
    | PartnerPaused
    | PartnerResumed
    | KeyMade
    | KeyConfirmed
    | KeyUnmatched
    | KeysForgotten
)
LinkEvent = PeerIncarnationChanged | LinkUp | LinkDown | EpochBegun | ChannelEvent
