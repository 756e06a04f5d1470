"""One link between two nodes: hello, epochs, channels, keep-alive (docs/protocol.md, "Wire 2").

Sans-IO. Create a LinkSession once the TLS connection is authenticated, then

- call `start` once, `receive` with every piece of data, and `tick` about once a second;
- do with each output in turn: bytes go to the transport, events to the node;
- while `waiting` is true, after whatever call, call `receive` again, without data, in a turn of its
  own: so neither a partner that sends a lot nor a link of many channels keeps the others waiting,
  and the node can decide on a link that came up before the partner opens channels on it;
- call `gate` with True when the transport's buffer is full, with False when it has room again,
  and go on reading meanwhile: the session bounds what it answers;
- open, pause, resume and close channels by their names;
- after LinkDown close the transport; when the transport is lost, call `lose`.

The methods that take `now` want seconds of a monotonic clock. A partner's fault never raises: it
ends in a LinkDown that carries it. Misuse raises ProtocolStateError or ParameterError.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from dynamicrypt.errors import ParameterError, ProtocolStateError, RemoteError
from dynamicrypt.keys.schedule import Parties, Secret
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.session.channel import ChannelSession
from dynamicrypt.session.link_admission import Judge
from dynamicrypt.session.link_alive import KeepAlive, LinkTimes, Patience
from dynamicrypt.session.link_bank import Fill, MakeBank
from dynamicrypt.session.link_channels import Channels
from dynamicrypt.session.link_epochs import Epochs
from dynamicrypt.session.link_events import ChannelName, LinkDown
from dynamicrypt.session.link_greeting import Greeting
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_outbox import Outbox, Output
from dynamicrypt.session.link_rekeying import Rekeying
from dynamicrypt.session.link_scratch import Scratch
from dynamicrypt.session.link_states import LinkError, Move, State, after
from dynamicrypt.wire import link_messages as messages
from dynamicrypt.wire.link import LinkLineError, clip, decode
from dynamicrypt.wire.link_lines import LineCutter

#: Lines that one call takes, or channels that it lets go on: a round of each, and so a few
#: milliseconds of work at most.
LINES: Final = 16


class PartnerFaultError(RemoteError):
    """The partner found a fault of ours and closed the link. Its log says more; update both."""


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
        self.state = State.NEW
        #: 0 for the node with the smaller fingerprint.
        self.role: Final = int(fingerprint > peer_fingerprint)
        ours, theirs = sorted((fingerprint, peer_fingerprint))
        parties = Parties(fingerprints=(ours, theirs))
        times = times or LinkTimes()
        self._greeting = Greeting(
            name=name, incarnation=incarnation, known_incarnation=known_incarnation
        )
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
        self._rekeying = Rekeying(
            role=self.role,
            greeting=self._greeting,
            epochs=self._epochs,
            channels=self._channels,
            times=times,
            now=now,
        )
        self._cutter = LineCutter()
        self._lines: deque[bytes] = deque()
        self._outbox = Outbox()
        self._alive = KeepAlive(times, now)
        self._patience = Patience(times.dead)

    def start(self) -> list[Output]:
        """The first output; role 1 has none and waits for the hello of role 0."""
        self._move(Move.START)
        if self.role == 0:
            self._outbox.say(self._rekeying.greet())
        return self._outbox.drain()

    def receive(self, data: bytes, now: float) -> list[Output]:
        """What follows from data of the partner: of its next LINES lines, or of those up to LinkUp.

        Fewer lines if channels are due that were held back; then half of the work at most is theirs
        while lines wait. What comes after LinkDown is ignored: the partner may not know of it yet.
        """
        self._outbox.recount()
        try:
            if self.state is not State.CLOSED:
                self._alive.heard(now)
                self._lines.extend(self._cutter.cut(data))
            was_up = self.state is State.UP
            room = LINES - self._go_on(max(LINES - len(self._lines), LINES // 2))
            for _ in range(min(room, len(self._lines))):
                self._take_line(self._lines.popleft(), now)
                self._outbox.check()
                if self.state is State.CLOSED or (not was_up and self.state is State.UP):
                    break
        except RemoteError as error:
            self._fail(error)
        return self._outbox.drain()

    def tick(self, now: float) -> list[Output]:
        """What the passing of time asks for; call it about once a second."""
        try:
            if self.state is State.UP:
                self._outbox.put(self._alive.due(now))
                self._outbox.put(self._rekeying.renew(now, self._outbox.keys))
                owed = [*self._channels.owed, *self._rekeying.owed, *self._outbox.owed]
                self._patience.check(owed, now)
            elif self.state is not State.CLOSED:
                self._alive.check_start(now)
        except RemoteError as error:
            self._fail(error)
        return self._outbox.drain()

    def ping(self, now: float) -> list[Output]:
        """Measure the round trip; does nothing while a Ping is under way."""
        if self.state is State.UP:
            self._outbox.put(self._alive.ask(now))
        return self._outbox.drain()

    def gate(self, *, closed: bool) -> list[Output]:
        """Hold rounds and answers back, or let them go again, the first LINES of them now."""
        self._outbox.gate(closed=closed)
        try:
            if self.state is not State.CLOSED:
                self._channels.gate(closed=closed)
                self._go_on(LINES)
                self._outbox.put(self._alive.gate(closed=closed))
        except RemoteError as error:
            self._fail(error)
        return self._outbox.drain()

    def stop(self, reason: str) -> list[Output]:
        """Say goodbye and end the link; the last output is LinkDown."""
        if self.state is not State.CLOSED:
            self._outbox.say(messages.Goodbye(reason=clip(reason)))
        return self.lose(reason)

    def lose(self, reason: str) -> list[Output]:
        """The transport is gone."""
        if self.state is not State.CLOSED:
            self._close(reason, None)
        return self._outbox.drain()

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
        self._outbox.put(self._channels.open(name, parameters, ledger))
        return self._outbox.drain()

    def pause(self, name: ChannelName) -> list[Output]:
        """We have keys enough; a channel where both sides pause costs nothing."""
        self._outbox.put(self._channels.named(name).pause())
        return self._outbox.drain()

    def resume(self, name: ChannelName) -> list[Output]:
        """We need keys again."""
        self._outbox.put(self._channels.named(name).resume())
        return self._outbox.drain()

    def close(self, name: ChannelName, reason: str) -> list[Output]:
        """End the channel; the partner is told the reason."""
        self._outbox.put(self._channels.close(name, reason))
        return self._outbox.drain()

    def channel(self, name: ChannelName) -> ChannelSession:
        """The session of a channel, for its state and statistics.

        Raises ProtocolStateError if there is none.
        """
        return self._channels.named(name)

    @property
    def waiting(self) -> bool:
        """Whether `receive` has more to do: lines of the partner, or channels that may go on."""
        return bool(self._lines) or self._channels.due > 0

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

    def _go_on(self, most: int) -> int:
        """Let channels that are due go on, at most so many; how many did."""
        count = min(most, self._channels.due)
        if count:
            self._outbox.put(self._channels.go_on(count))
            self._outbox.check()
        return count

    def _take_line(self, line: bytes, now: float) -> None:
        message = decode(line)
        if self.state is not State.UP:
            self._take_early(message, line)
        elif isinstance(message, messages.ChannelMessage):
            self._outbox.put(self._channels.take(message))
        else:
            self._take(message, line, now)

    def _take(self, message: messages.Received, line: bytes, now: float) -> None:
        match message:
            case messages.Epoch() | messages.Answer() | messages.Proof():
                self._outbox.put(self._rekeying.take(message, line, now))
            case messages.Open():
                self._outbox.put(self._channels.take_open(message))
            case messages.Ping():
                self._outbox.put(self._alive.take_ping(message))
            case messages.Pong():
                self._alive.take_pong(message, now)
            case _:
                self._take_any(message)

    def _take_early(self, message: messages.Received, line: bytes) -> None:
        match message:
            case messages.Hello():
                self._move(Move.TAKE_HELLO)
                self._outbox.put(self._rekeying.take_hello(message, line))
            case messages.Proof():
                self._move(Move.TAKE_FIRST_PROOF)
                self._outbox.put(self._rekeying.take_proof(message))
                self._outbox.tell(*self._greeting.events())
            case _:
                self._take_any(message)

    def _take_any(self, message: messages.Received) -> None:
        """What may come in any state, and what may not come in this one."""
        match message:
            case messages.Fault():
                told = f"{message.code}: {message.detail}"
                self._close(f"the partner: {message.code}", PartnerFaultError(told))
            case messages.Goodbye():
                self._close(message.reason, None)
            case messages.Unknown():
                if self.state is not State.UP or not self._greeting.newer:
                    raise LinkLineError(f"an unknown message {message.word}")
            case _:
                raise LinkError(f"a message in state {self.state.name.lower()}")

    def _fail(self, error: RemoteError) -> None:
        code = type(error).__name__.removesuffix("Error").lower()
        self._outbox.say(messages.Fault(code=code, detail=clip(str(error))))
        self._close(str(error), error)

    def _close(self, reason: str, error: RemoteError | None) -> None:
        self._move(Move.CLOSE)
        self._lines.clear()
        try:
            self._outbox.tell(*self._channels.drop(reason))
            self._epochs.wipe()
        finally:
            self._outbox.tell(LinkDown(reason=reason, error=error))

    def _move(self, move: Move) -> None:
        self.state = after(self.state, move)
