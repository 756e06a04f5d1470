"""How a node, its peers and its channels are at one moment, for people and programs that watch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from dynamicrypt.keys.store import Levels
from dynamicrypt.peer.link import LinkProtocol
from dynamicrypt.peer.peers import Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStatus:
    """One machine of a bank: how often it was drawn, and its steps since."""

    id: int
    state: str
    run: int
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus:
    """How a channel is.

    `state` is up; resting, with keys enough; opening, while the partner is asked for it; stopped,
    by the application; or down, without a link to the peer, or because nobody here wants it.
    `reason` says why it is not up, and `code` is that of the error for who finds no key because of
    it; both are empty when it is up.
    """

    state: str
    reason: str
    code: str
    profile: str
    levels: Levels
    rounds: int
    keys_made: int
    keys_confirmed: int
    keys_unmatched: int
    machines: tuple[MachineStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatus:
    """A known peer and the link to it; `round_trip` is in seconds, None if it is not known."""

    name: str
    fingerprint: bytes
    up: bool
    group: str
    round_trip: float | None
    channels: int

    @classmethod
    def of(cls, peer: Peer, link: LinkProtocol | None) -> Self:
        """How a peer is that has this link, if any."""
        return cls(
            name=peer.name,
            fingerprint=peer.fingerprint,
            up=link is not None,
            group="" if link is None else link.group,
            round_trip=None if link is None else link.session.round_trip,
            channels=0 if link is None else len(link.session.channels),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """The node, and its peers."""

    name: str
    fingerprint: bytes
    profile: str
    peers: tuple[PeerStatus, ...]
