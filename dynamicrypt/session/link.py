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

from dynamicrypt.errors import ProtocolStateError, RemoteError
from dynamicrypt.keys.schedule import Secret
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.session.channel import ChannelSession
from dynamicrypt.session.link_admission import Judge
from dynamicrypt.session.link_alive import Patience
from dynamicrypt.session.link_dialogue import Dialogue
from dynamicrypt.session.link_events import ChannelName
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_node import ThisNode
from dynamicrypt.session.link_outbox import Output
from dynamicrypt.session.link_states import State
from dynamicrypt.wire import link_messages as messages
from dynamicrypt.wire.link import clip
from dynamicrypt.wire.link_lines import LineCutter

#: Lines that one call takes, or channels that it lets go on: a round of each, and so a few
#: milliseconds of work at most.
LINES: Final = 16


class LinkSession:
    """One side of a link; see the module, and `link_dialogue.Dialogue` for what it is made from."""

    def __init__(
        self,
        node: ThisNode,
        *,
        peer_fingerprint: bytes,
        exporter: Secret,
        known_incarnation: bytes | None,
        judge: Judge,
        now: float,
    ) -> None:
        self._dialogue = Dialogue(
            node,
            peer_fingerprint=peer_fingerprint,
            exporter=exporter,
            known_incarnation=known_incarnation,
            judge=judge,
            now=now,
        )
        self._outbox = self._dialogue.outbox
        self._channels = self._dialogue.channels
        self._alive = self._dialogue.alive
        self._patience = Patience(node.times.dead)
        self._cutter = LineCutter()
        self._lines: deque[bytes] = deque()

    @property
    def state(self) -> State:
        """How far the link is."""
        return self._dialogue.state

    @property
    def role(self) -> int:
        """0 for the node with the smaller fingerprint."""
        return self._dialogue.role

    def start(self) -> list[Output]:
        """The first output; role 1 has none and waits for the hello of role 0."""
        self._dialogue.start()
        return self._drain()

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
                self._dialogue.take(self._lines.popleft(), now)
                if self.state is State.CLOSED or (not was_up and self.state is State.UP):
                    break
        except RemoteError as error:
            self._dialogue.fail(error)
        return self._drain()

    def tick(self, now: float) -> list[Output]:
        """What the passing of time asks for; call it about once a second."""
        try:
            if self.state is State.UP:
                self._outbox.put(self._alive.due(now))
                self._outbox.put(self._dialogue.rekeying.renew(now, self._outbox.keys))
                owed = [*self._channels.owed, *self._dialogue.rekeying.owed, *self._outbox.owed]
                self._patience.check(owed, now)
            elif self.state is not State.CLOSED:
                self._alive.check_start(now)
        except RemoteError as error:
            self._dialogue.fail(error)
        return self._drain()

    def ping(self, now: float) -> list[Output]:
        """Measure the round trip; does nothing while a Ping is under way."""
        if self.state is State.UP:
            self._outbox.put(self._alive.ask(now))
        return self._drain()

    def gate(self, *, closed: bool) -> list[Output]:
        """Hold rounds and answers back, or let them go again, the first LINES of them now."""
        self._outbox.gate(closed=closed)
        try:
            if self.state is not State.CLOSED:
                self._channels.gate(closed=closed)
                self._go_on(LINES)
                self._outbox.put(self._alive.gate(closed=closed))
        except RemoteError as error:
            self._dialogue.fail(error)
        return self._drain()

    def stop(self, reason: str) -> list[Output]:
        """Say goodbye and end the link; the last output is LinkDown."""
        if self.state is not State.CLOSED:
            self._outbox.say(messages.Goodbye(reason=clip(reason)))
        return self.lose(reason)

    def lose(self, reason: str) -> list[Output]:
        """The transport is gone."""
        if self.state is not State.CLOSED:
            self._dialogue.close(reason)
        return self._drain()

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
        return self._drain()

    def pause(self, name: ChannelName) -> list[Output]:
        """We have keys enough; a channel where both sides pause costs nothing."""
        self._outbox.put(self._channels.named(name).pause())
        return self._drain()

    def resume(self, name: ChannelName) -> list[Output]:
        """We need keys again."""
        self._outbox.put(self._channels.named(name).resume())
        return self._drain()

    def close(self, name: ChannelName, reason: str) -> list[Output]:
        """End the channel; the partner is told the reason."""
        self._outbox.put(self._channels.close(name, reason))
        return self._drain()

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
        return self._dialogue.epochs.number

    def _go_on(self, most: int) -> int:
        """Let channels that are due go on, at most so many; how many did."""
        count = min(most, self._channels.due)
        if count:
            self._outbox.put(self._channels.go_on(count))
            self._outbox.check()
        return count

    def _drain(self) -> list[Output]:
        """What is to be done now. Nobody takes what came after the end of the link."""
        if self.state is State.CLOSED:
            self._lines.clear()
        return self._outbox.drain()
