"""The messages of wire 2, the authenticated link (docs/protocol.md, "Lines")."""

from __future__ import annotations

from dataclasses import dataclass

from dynamicrypt.params import ExchangeParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The first message of each side; role 1 sends its own after that of role 0.

    `share` is the offer of role 0, or the answer of role 1, for epoch 0.
    """

    version: tuple[int, int]
    features: tuple[str, ...]
    name: str
    incarnation: bytes
    share: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """Role 0 begins an epoch; `rounds` names its first round for each channel."""

    epoch: int
    share: bytes
    rounds: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Role 1's share for an epoch."""

    epoch: int
    share: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """MAC over the transcript of an epoch's exchange, under the new secret."""

    epoch: int
    tag: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Ask for a channel between the sender's `service` and the receiver's `partner`."""

    channel: int
    service: str
    partner: str
    nonce: bytes
    parameters: ExchangeParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """The channel is accepted."""

    channel: int
    nonce: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The channel is refused; `reason` is a word for programs, `detail` a text for people."""

    channel: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Repeated confirmations: key ids, each with its tag; the last such line has `more` false."""

    channel: int
    claims: bytes
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The sender's outputs of a round, and one byte for each machine that it probes."""

    channel: int
    round: int
    outputs: bytes
    probes: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A round whose inputs the sender chose."""

    channel: int
    round: int
    inputs: bytes
    outputs: bytes
    probes: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """Tags of the keys first, first + 2, ... that the sender holds for their owner."""

    channel: int
    first: int
    tags: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """Ids of keys that the sender, their owner, does not have or could not confirm.

    Before the passes of `round`, the sender's next one, count, both sides discard a part-filled
    group.
    """

    channel: int
    round: int
    ids: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The sender begins no more rounds."""

    channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """The sender begins rounds again."""

    channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The channel is over."""

    channel: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Asks for a Pong with the same number."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """Answers a Ping."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The sender found a fault of the receiver and closes the link."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodbye:
    """The sender closes the link in peace."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A message that this version does not know."""

    word: str


#: What belongs to one channel; the first ones are nearly all that a link carries.
ChannelMessage = (
    Round | Query | Confirm | Unmatched | Held | Accept | Refuse | Pause | Resume | Close
)
Message = ChannelMessage | Hello | Epoch | Answer | Proof | Open | Ping | Pong | Fault | Goodbye
#: What a line may turn out to be.
Received = Message | Unknown
