"""What is said on one link: the hellos, then what each message of the partner leads to."""

from __future__ import annotations

from typing import Final

from dynamicrypt.errors import ParameterError, RemoteError
from dynamicrypt.keys.schedule import Parties, Secret
from dynamicrypt.session.link_admission import Judge
from dynamicrypt.session.link_alive import KeepAlive
from dynamicrypt.session.link_channels import Channels
from dynamicrypt.session.link_epochs import Epochs
from dynamicrypt.session.link_events import LinkDown
from dynamicrypt.session.link_greeting import Greeting
from dynamicrypt.session.link_node import ThisNode
from dynamicrypt.session.link_outbox import Outbox
from dynamicrypt.session.link_rekeying import Rekeying
from dynamicrypt.session.link_states import LinkError, Move, PartnerFaultError, State, after
from dynamicrypt.wire import link_messages as messages
from dynamicrypt.wire.link import LinkLineError, clip, decode


class Dialogue:
    """One side of it, with the parts of the link that messages are for.

    What follows from a message is in the outbox. `node` is this one; `exporter` the TLS secret for
    `keys.ratchet.EXPORTER_LABEL`; `known_incarnation` that of the process that the partner had
    last, if any; `now` when the link began. Raises ParameterError where both nodes are one.
    """

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
        if node.fingerprint == peer_fingerprint:
            raise ParameterError("the two nodes of a link have the same fingerprint")
        self.state = State.NEW
        #: 0 for the node with the smaller fingerprint.
        self.role: Final = int(node.fingerprint > peer_fingerprint)
        first, second = sorted((node.fingerprint, peer_fingerprint))
        parties = Parties(fingerprints=(first, second))
        self.outbox: Final = Outbox()
        self.alive: Final = KeepAlive(node.times, now)
        self.epochs: Final = Epochs(
            role=self.role, parties=parties, exporter=exporter, fill=node.fill
        )
        self.channels: Final = Channels(
            node, role=self.role, parties=parties, epochs=self.epochs, judge=judge
        )
        self._greeting = Greeting(
            name=node.name, incarnation=node.incarnation, known_incarnation=known_incarnation
        )
        self.rekeying: Final = Rekeying(
            role=self.role,
            greeting=self._greeting,
            epochs=self.epochs,
            channels=self.channels,
            times=node.times,
            now=now,
        )

    def start(self) -> None:
        """Role 0 says hello; role 1 waits for that."""
        self._move(Move.START)
        if self.role == 0:
            self.outbox.say(self.rekeying.greet())

    def take(self, line: bytes, now: float) -> None:
        """A line of the partner, without its LF. Raises RemoteError; `fail` must follow."""
        message = decode(line)
        if self.state is not State.UP:
            self._take_early(message, line)
        elif isinstance(message, messages.ChannelMessage):
            self.outbox.put(self.channels.take(message))
        else:
            self._take(message, line, now)
        self.outbox.check()

    def fail(self, error: RemoteError) -> None:
        """End the link for a fault of the partner, and tell it."""
        code = type(error).__name__.removesuffix("Error").lower()
        self.outbox.say(messages.Fault(code=code, detail=clip(str(error))))
        self.close(str(error), error)

    def close(self, reason: str, error: RemoteError | None = None) -> None:
        """The link is over: wipe everything, and tell the node."""
        self._move(Move.CLOSE)
        try:
            self.outbox.tell(*self.channels.drop(reason))
            self.epochs.wipe()
        finally:
            self.outbox.tell(LinkDown(reason=reason, error=error))

    def _take(self, message: messages.Received, line: bytes, now: float) -> None:
        match message:
            case messages.Epoch() | messages.Answer() | messages.Proof():
                self.outbox.put(self.rekeying.take(message, line, now))
            case messages.Open():
                self.outbox.put(self.channels.take_open(message))
            case messages.Ping():
                self.outbox.put(self.alive.take_ping(message))
            case messages.Pong():
                self.alive.take_pong(message, now)
            case _:
                self._take_any(message)

    def _take_early(self, message: messages.Received, line: bytes) -> None:
        match message:
            case messages.Hello():
                self._move(Move.TAKE_HELLO)
                self.outbox.put(self.rekeying.take_hello(message, line))
            case messages.Proof():
                self._move(Move.TAKE_FIRST_PROOF)
                self.outbox.put(self.rekeying.take_proof(message))
                self.outbox.tell(*self._greeting.events())
            case _:
                self._take_any(message)

    def _take_any(self, message: messages.Received) -> None:
        """What may come in any state, and what may not come in this one."""
        match message:
            case messages.Fault():
                told = f"{message.code}: {message.detail}"
                self.close(f"the partner: {message.code}", PartnerFaultError(told))
            case messages.Goodbye():
                self.close(message.reason)
            case messages.Unknown():
                if self.state is not State.UP or not self._greeting.newer:
                    raise LinkLineError(f"an unknown message {message.word}")
            case _:
                raise LinkError(f"a message in state {self.state.name.lower()}")

    def _move(self, move: Move) -> None:
        self.state = after(self.state, move)
