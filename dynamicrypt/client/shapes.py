"""What the service answers, as values; the fields are those of REST v2, bytes for its base64."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dynamicrypt.client.errors import NoKeyYetError, ProblemError, problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A ciphertext that only the partner opens, and the id of the key that it was made with.

    The partner can open it for at least `expires_in_seconds` from the service's answer on.
    """

    mode: int
    key_id: str
    ciphertext: bytes
    expires_in_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of a ciphertext of mode 4; fewer than all are worthless."""

    key_id: str
    ciphertext: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A ciphertext of mode 4, in pieces that may go different ways and be opened in any order.

    The partner can open each for at least `expires_in_seconds` from the service's answer on.
    """

    mode: int
    pieces: tuple[Piece, ...]
    expires_in_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The plaintext; None while pieces are missing."""

    complete: bool
    plaintext: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream: bytes that came and went, and its state (running, whole, broken, left)."""

    id: str
    operation: str
    state: str
    taken: int
    given: int
    problem: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The last streams of a channel, the newest first."""

    streams: tuple[Stream, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredKey:
    """A key of 32 bytes for the application itself. Its partner gets it by its id, once.

    It does for at least `expires_in_seconds` from the service's answer on; None for the partner.
    """

    key_id: str
    key: bytes = field(repr=False)
    expires_in_seconds: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedStream:
    """What came of a stream: how many bytes of ciphertext, and for how long they open.

    The partner can begin to open it for at least `expires_in_seconds` from when it began; None
    where the service did not say.
    """

    size: int
    expires_in_seconds: int | None


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

    machines: tuple[Machine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLevels:
    """How many keys there are: offered and free ones of this side, in use, held for the partner."""

    offered: int
    free: int
    in_use: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """A channel: its state (opening, up, resting, down, stopped) and why, and its keys.

    `code` is that of the problem which who finds no key is told; empty when the channel is up.
    """

    service: str
    partner: str
    peer: str
    state: str
    reason: str
    code: str
    profile: str
    keys: KeyLevels
    keys_made: int
    rounds: int

    @property
    def ready(self) -> bool:
        """Whether a message can be encrypted at once."""
        return self.keys.free > 0 or self.keys.in_use > 0

    @property
    def absence(self) -> ProblemError:
        """What who finds no key is told: a NoKeyYetError where one is worth waiting for."""
        why = f": {self.reason}" if self.reason else ""
        detail = f"no key is ready; the channel is {self.state}{why}"
        return problem(self.code or NoKeyYetError.code, detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """A service of this caller."""

    name: str
    channels: tuple[ChannelState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBrief:
    """A channel, in short."""

    partner: str
    peer: str
    state: str
    reason: str
    keys: KeyLevels


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedService:
    """A service of anybody, and whose: owner, app:NAME, uid:NUMBER or anonymous; its channels."""

    name: str
    owner: str
    channels: tuple[ChannelBrief, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedServices:
    """All services of the node."""

    services: tuple[OwnedService, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A known node: whether a link to it is up, and which key exchange made its TLS secret."""

    name: str
    fingerprint: str
    up: bool
    group: str | None = None
    round_trip_seconds: float | None = None
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """The node and those that it knows; the incarnation is its process's."""

    name: str
    fingerprint: str
    profile: str
    version: str
    incarnation: str
    peers: tuple[Peer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; `id` is where to go on.

    Kinds are key-ready, key-low, channel-up, channel-down, peer-up, peer-down, and gap, which says
    that events before it were lost to this listener.
    """

    id: str
    kind: str
    data: Mapping[str, object]
