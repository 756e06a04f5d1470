"""One link between two nodes: hello, epochs, channels, keep-alive (docs/protocol.md, "Wire 2").

Sans-IO. Create a LinkSession once the TLS connection is authenticated, then

- call `start` once, `receive` with every piece of data, and `tick` about once a second;
- do with each output in turn: bytes go to the transport, events to the node;
- after LinkUp call `receive` once more, without data: what came behind it waits, so that the node
  can decide on the link before the partner opens channels on it;
- call `gate` with True when the transport's buffer is full, with False when it has room again,
  and go on reading meanwhile: the session bounds what it answers;
- open, pause, resume and close channels by their names;
- after LinkDown close the transport; when the transport is lost, call `lose`.

The methods that take `now` want seconds of a monotonic clock. A partner's fault never raises: it
ends in a LinkDown that carries it. Misuse raises ProtocolStateError or ParameterError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final, cast, get_args

from dynamicrypt.errors import ParameterError, ProtocolStateError, RemoteError
from dynamicrypt.keys.schedule import Parties, Secret
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.session.channel import ChannelSession
from dynamicrypt.session.link_alive import KeepAlive, LinkTimes, Patience
from dynamicrypt.session.link_channels import Admission, Channels, FloodError, Refusal
from dynamicrypt.session.link_epochs import Epochs
from dynamicrypt.session.link_events import (
    ChannelName,
    EpochBegun,
    KeyMade,
    LinkDown,
    LinkEvent,
    LinkUp,
    PeerIncarnationChanged,
)
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_rounds import Fill, MakeBank, Scratch
from dynamicrypt.wire import link as wire
from dynamicrypt.wire import link_messages as messages
from dynamicrypt.wire.link_lines import LineCutter

__all__ = ["Admission", "LinkSession", "LinkTimes", "Refusal", "State"]

#: Bytes that the partner may make us say while it takes none: more than claims and confirmations of
#: MAX_CHANNELS channels need.
MAX_UNSENT: Final = 64 * 1024 * 1024

_MESSAGES: Final = frozenset(get_args(messages.Message))


class LinkError(RemoteError):
    """The partner broke the order of the link's messages. Its program is faulty; update it."""


class IncarnationError(RemoteError):
    """The partner says it is this very process. Check the fingerprints of both nodes."""


class PartnerFaultError(RemoteError):
    """The partner found a fault of ours and closed the link. Its log says more; update both."""


class State(Enum):
    """How far a link is."""

    NEW = auto()
    GREETING = auto()
    PROVING = auto()
    UP = auto()
    CLOSED = auto()


class Move(Enum):
    """What moves a link."""

    START = auto()
    TAKE_HELLO = auto()
    TAKE_FIRST_PROOF = auto()
    TAKE_MESSAGE = auto()
    CLOSE = auto()


TRANSITIONS: Final[dict[tuple[State, Move], State]] = {
    (State.NEW, Move.START): State.GREETING,
    (State.GREETING, Move.TAKE_HELLO): State.PROVING,
    (State.PROVING, Move.TAKE_FIRST_PROOF): State.UP,
    (State.UP, Move.TAKE_MESSAGE): State.UP,
    **{
        (state, Move.CLOSE): State.CLOSED
        for state in (State.NEW, State.GREETING, State.PROVING, State.UP)
    },
}

Output = bytes | LinkEvent
#: Decides on a channel that the partner opens, named as this node sees it.
Judge = Callable[[ChannelName], Admission | Refusal]


class LinkSession:
    """One side of a link; see the module.

    `exporter` is the TLS secret for `keys.ratchet.EXPORTER_LABEL`. `incarnation` is this
    process's, `known_incarnation` the one that the partner had last, if any. `fill` gives random
    bytes, `make_bank` freshly drawn banks. `scratch` may be shared by the links of a node.
    """

    def __init__(
        self,
        *,
        fingerprint: bytes,
        peer_fingerprint: bytes,
        exporter: Secret,
        name: str,
        incarnation: bytes,
        known_incarnation: bytes | None,
        judge: Judge,
        make_bank: MakeBank,
        fill: Fill,
        now: float,
        times: LinkTimes | None = None,
        scratch: Scratch | None = None,
    ) -> None:
        if fingerprint == peer_fingerprint:
            raise ParameterError("the two nodes of a link have the same fingerprint")
        wire.check_name(name)
        self.state = State.NEW
        #: 0 for the node with the smaller fingerprint.
        self.role: Final = int(fingerprint > peer_fingerprint)
        ours, theirs = sorted((fingerprint, peer_fingerprint))
        parties = Parties(fingerprints=(ours, theirs))
        self._name = name
        self._incarnation = incarnation
        self._known_incarnation = known_incarnation
        self._times = times or LinkTimes()
        self._epochs = Epochs(role=self.role, parties=parties, exporter=exporter, fill=fill)
        self._channels = Channels(
            role=self.role,
            parties=parties,
            epochs=self._epochs,
            judge=judge,
            make_bank=make_bank,
            fill=fill,
            scratch=scratch or Scratch(),
        )
        self._cutter = LineCutter()
        self._early: list[bytes] = []
        self._out: list[bytes] = []
        self._unsent = 0
        self._events: list[LinkEvent] = []
        self._peer: messages.Hello | None = None
        self._alive = KeepAlive(self._times, now)
        self._patience = Patience(self._times.dead)
        self._epoch_began = now
        self._pong: int | None = None
        self._keys = 0
        self._gated = False

    # The driver's side.

    def start(self) -> list[Output]:
        """The first output; role 1 has none and waits for the hello of role 0."""
        self._move(Move.START)
        if self.role == 0:
            hello = self._hello(self._epochs.offer())
            self._epochs.offered(wire.encode(hello)[:-1])
            self._say(hello)
        return self._drain()

    def receive(self, data: bytes, now: float) -> list[Output]:
        """What follows from data of the partner; up to LinkUp, if that is in it.

        What comes after LinkDown is ignored: the partner may not know of it yet.
        """
        self._alive.heard(now)
        if not self._gated:
            self._unsent = 0
        try:
            lines = [] if self._over else self._early + self._cutter.cut(data)
            self._early = []
            for at, line in enumerate(lines):
                if self._over:
                    break
                was_up = self.state is State.UP
                self._take_line(line, now)
                if self._unsent > MAX_UNSENT:
                    raise FloodError("the partner asks for more than it takes")
                if not was_up and self.state is State.UP:
                    self._early = lines[at + 1 :]
                    break
        except RemoteError as error:
            self._fail(error)
        return self._drain()

    def tick(self, now: float) -> list[Output]:
        """What the passing of time asks for; call it about once a second."""
        try:
            if self.state is State.UP:
                self._ask(self._alive.due(now))
                self._renew_epoch(now)
                self._patience.check(self._owed_to_us(), now)
            elif not self._over:
                self._alive.check_start(now)
        except RemoteError as error:
            self._fail(error)
        return self._drain()

    def ping(self, now: float) -> list[Output]:
        """Measure the round trip; does nothing while a Ping is under way."""
        if self.state is State.UP:
            self._ask(self._alive.ask(now))
        return self._drain()

    def gate(self, *, closed: bool) -> list[Output]:
        """Hold rounds and answers back, or let them go again in the order of the channels."""
        self._gated = closed
        try:
            self._emit(self._channels.gate(closed=closed))
        except RemoteError as error:
            self._fail(error)
        if not closed and not self._over and self._pong is not None:
            self._say(messages.Pong(number=self._pong))
            self._pong = None
        return self._drain()

    def stop(self, reason: str) -> list[Output]:
        """Say goodbye and end the link; the last output is LinkDown."""
        if self.state is not State.CLOSED:
            self._say(messages.Goodbye(reason=wire.clip(reason)))
            self._close(reason, None)
        return self._drain()

    def lose(self, reason: str) -> list[Output]:
        """The transport is gone."""
        if self.state is not State.CLOSED:
            self._close(reason, None)
        return self._drain()

    # Channels.

    def open(
        self, name: ChannelName, parameters: ExchangeParameters, ledger: Ledger
    ) -> list[Output]:
        """Ask the partner for a channel; ends in ChannelUp, ChannelRefused or ChannelDown.

        `ledger` is the channel's own, kept from link to link. Raises ParameterError for a name
        that cannot be sent, and ProtocolStateError if the link is not up, the channel exists, or
        there are MAX_CHANNELS of them.
        """
        if self.state is not State.UP:
            raise ProtocolStateError("the link is not up")
        self._emit(self._channels.open(name, parameters, ledger))
        return self._drain()

    def pause(self, name: ChannelName) -> list[Output]:
        """We have keys enough; a channel where both sides pause costs nothing."""
        self._emit(self._channels.named(name).pause())
        return self._drain()

    def resume(self, name: ChannelName) -> list[Output]:
        """We need keys again."""
        self._emit(self._channels.named(name).resume())
        return self._drain()

    def close(self, name: ChannelName, reason: str) -> list[Output]:
        """End the channel; the partner is told the reason."""
        self._emit(self._channels.close(name, reason))
        return self._drain()

    def channel(self, name: ChannelName) -> ChannelSession:
        """The session of a channel, for its state and statistics.

        Raises ProtocolStateError if there is none.
        """
        return self._channels.named(name)

    @property
    def round_trip(self) -> float | None:
        """Seconds from the last Ping to its Pong; None before the first."""
        return self._alive.round_trip

    @property
    def channels(self) -> list[ChannelName]:
        """The names of all channels, opening or open."""
        return self._channels.names

    @property
    def epoch(self) -> int:
        """The number of the newest epoch; -1 before the first."""
        return self._epochs.number

    # The partner's side.

    def _take_line(self, line: bytes, now: float) -> None:
        message = wire.decode(line)
        if isinstance(message, messages.Unknown):
            self._take_unknown(message)
            return
        if self.state is not State.UP:
            self._take_early(message, line)
            return
        match message:
            case messages.Epoch() | messages.Answer() | messages.Proof():
                self._take_epoch(message, line, now)
            case messages.Ping():
                self._take_ping(message)
            case messages.Pong():
                self._alive.answered(message.number, now)
            case messages.Fault():
                self._close(
                    f"the partner: {message.code}",
                    PartnerFaultError(f"{message.code}: {message.detail}"),
                )
            case messages.Goodbye():
                self._close(message.reason, None)
            case messages.Hello():
                raise LinkError("a second hello")
            case messages.Open():
                self._emit(self._channels.take_open(message))
            case _:
                self._emit(self._channels.take(message))

    def _take_unknown(self, message: messages.Unknown) -> None:
        newer = self._peer is not None and self._peer.version > wire.VERSION
        if self.state is not State.UP or not newer:
            raise wire.LinkLineError(f"an unknown message {message.word}")

    def _take_early(self, message: messages.Message, line: bytes) -> None:
        match message:
            case messages.Hello():
                self._move(Move.TAKE_HELLO)
                self._take_hello(message, line)
            case messages.Proof():
                self._move(Move.TAKE_FIRST_PROOF)
                self._take_proof(message)
                self._come_up()
            case messages.Fault():
                self._close(
                    f"the partner: {message.code}",
                    PartnerFaultError(f"{message.code}: {message.detail}"),
                )
            case messages.Goodbye():
                self._close(message.reason, None)
            case _:
                raise LinkError(f"a message in state {self.state.name.lower()}")

    def _take_hello(self, message: messages.Hello, line: bytes) -> None:
        if message.incarnation == self._incarnation:
            raise IncarnationError("the incarnation of the partner is our own")
        self._peer = message
        if self.role == 0:
            self._epochs.take_answer(0, message.share, line)
            return
        share, shared = self._epochs.answer(0, message.share)
        hello = self._hello(share)
        self._epochs.answered(shared, line, wire.encode(hello)[:-1])
        self._say(hello, messages.Proof(epoch=0, tag=self._epochs.proof()))

    def _come_up(self) -> None:
        peer = self._peer
        if peer is None:
            raise ProtocolStateError("no hello was taken")
        if self._known_incarnation not in {None, peer.incarnation}:
            self._events.append(PeerIncarnationChanged(incarnation=peer.incarnation))
        self._events.append(
            LinkUp(
                name=peer.name,
                incarnation=peer.incarnation,
                version=peer.version,
                features=peer.features,
            )
        )

    def _take_epoch(
        self, message: messages.Epoch | messages.Answer | messages.Proof, line: bytes, now: float
    ) -> None:
        match message:
            case messages.Epoch():
                share, shared = self._epochs.answer(message.epoch, message.share)
                reply = messages.Answer(epoch=message.epoch, share=share)
                self._epochs.answered(shared, line, wire.encode(reply)[:-1])
                self._say(reply, messages.Proof(epoch=message.epoch, tag=self._epochs.proof()))
                self._emit(self._channels.take_turns(message.epoch, message.rounds))
            case messages.Answer():
                self._epochs.take_answer(message.epoch, message.share, line)
            case messages.Proof():
                self._take_proof(message)
                self._events.append(EpochBegun(epoch=message.epoch))
                self._epoch_began = now
                self._emit(self._channels.proceed())

    def _take_proof(self, message: messages.Proof) -> None:
        proof = self._epochs.take_proof(message.epoch, message.tag)
        if self.role == 0:
            self._say(messages.Proof(epoch=message.epoch, tag=proof))

    def _take_ping(self, message: messages.Ping) -> None:
        if self._gated:
            self._pong = message.number
        else:
            self._say(messages.Pong(number=message.number))

    # Inside.

    @property
    def _over(self) -> bool:
        return self.state is State.CLOSED

    def _hello(self, share: bytes) -> messages.Hello:
        return messages.Hello(
            version=wire.VERSION,
            features=("queries",),
            name=self._name,
            incarnation=self._incarnation,
            share=share,
        )

    def _owed_to_us(self) -> list[str]:
        owed = self._channels.owed
        if self._epochs.changing:
            owed.append(f"epoch {self.epoch}")
        if self._gated:
            owed.append("room for what we send")
        return owed

    def _ask(self, number: int | None) -> None:
        if number is not None:
            self._say(messages.Ping(number=number))

    def _renew_epoch(self, now: float) -> None:
        times = self._times
        due = now - self._epoch_began >= times.epoch or self._keys >= times.epoch_keys
        if self.role != 0 or not due or self._epochs.changing:
            return
        self._keys = 0
        share = self._epochs.offer()
        rounds = self._channels.first_rounds()
        message = messages.Epoch(epoch=self._epochs.number, share=share, rounds=rounds)
        self._epochs.offered(wire.encode(message)[:-1])
        self._say(message)
        self._emit(self._channels.own_turns(self._epochs.number, rounds))

    def _fail(self, error: RemoteError) -> None:
        code = type(error).__name__.removesuffix("Error").lower()
        self._say(messages.Fault(code=code, detail=wire.clip(str(error))))
        self._close(str(error), error)

    def _close(self, reason: str, error: RemoteError | None) -> None:
        self._move(Move.CLOSE)
        self._events += self._channels.drop(reason)
        self._epochs.wipe()
        self._events.append(LinkDown(reason=reason, error=error))

    def _emit(self, outputs: Sequence[messages.Message | LinkEvent]) -> None:
        # Thousands of keys a second pass here: one look-up tells messages from events.
        for output in outputs:
            if type(output) in _MESSAGES:
                self._say(cast("messages.Message", output))
            else:
                self._events.append(cast("LinkEvent", output))
                self._keys += type(output) is KeyMade

    def _say(self, *said: messages.Message) -> None:
        for message in said:
            line = wire.encode(message)
            self._out.append(line)
            self._unsent += len(line)

    def _drain(self) -> list[Output]:
        out: list[Output] = []
        if self._out:
            out.append(b"".join(self._out))
            self._out = []
        out += self._events
        self._events = []
        return out

    def _move(self, move: Move) -> None:
        state = TRANSITIONS.get((self.state, move))
        if state is None:
            reason = f"{move.name.lower()} in state {self.state.name.lower()}"
            remote = move.name.startswith("TAKE")
            raise (LinkError if remote else ProtocolStateError)(reason)
        self.state = state
