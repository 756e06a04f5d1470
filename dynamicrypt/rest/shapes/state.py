"""The JSON shapes of services, channels and the node; openapi.json is made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from dynamicrypt.web.schema import Length, OneOf

#: The states of a channel.
CHANNEL_STATES: Final = ("opening", "up", "resting", "down", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenChannel:
    """Which node the partner is at: the name or the fingerprint of a known peer."""

    peer: Annotated[str, Length(255, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One tree parity machine: how often it was drawn anew, and its steps since."""

    id: int
    state: str
    run: int
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """The machines of a channel; none while nothing carries it."""

    machines: list[Machine]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLevels:
    """How many keys there are: offered and free ones of this side, in use, held for the partner."""

    offered: int
    free: int
    in_use: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel: its state and why, its keys, how far its machines are.

    `code` is that of the problem which who finds no key is told. It is empty, as the reason is,
    when the channel is up.
    """

    service: str
    partner: str
    peer: str
    state: Annotated[str, OneOf(CHANNEL_STATES)]
    reason: str
    code: str
    profile: str
    keys: KeyLevels
    keys_made: int
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """The channels of a service."""

    channels: list[Channel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of this caller."""

    name: str
    channels: list[Channel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services of this caller."""

    services: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBrief:
    """A channel, in short."""

    partner: str
    peer: str
    state: Annotated[str, OneOf(CHANNEL_STATES)]
    reason: str
    keys: KeyLevels


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedService:
    """A service of anybody, and whose: owner, app:NAME, uid:NUMBER or anonymous; its channels."""

    name: str
    owner: str
    channels: list[ChannelBrief]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedServices:
    """All services of the node."""

    services: list[OwnedService]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A known node: whether a link to it is up, and which key exchange made its TLS secret."""

    name: str
    fingerprint: str
    up: bool
    group: str | None
    round_trip_seconds: float | None
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """This node and those that it knows."""

    name: str
    fingerprint: str
    profile: str
    version: str
    incarnation: str
    peers: list[Peer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether applications can be served, and if not why not."""

    ready: bool
    reasons: list[str]
