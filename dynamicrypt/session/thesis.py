"""The session of wire 1: one machine, one partner, strict lock-step (docs/wire-1.md).

Feed it each received message; it answers with messages to send and events to act on. It has no
clock, no transport and no generator of its own.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Protocol

from dynamicrypt.params import MachineParameters
from dynamicrypt.session.thesis_events import (
    Accepted,
    Dialled,
    Event,
    KeyBorn,
    KeyConfirmed,
    RunDiscarded,
)
from dynamicrypt.session.thesis_states import Move, State, UnexpectedMessageError, after
from dynamicrypt.wire.thesis import Hello, Message, Reply, Restart, Step, Welcome

#: Letters of a salt, as many as the 2019 program draws.
SALT_LETTERS: Final = 50


class Machine(Protocol):
    """What the session needs of its machine; see `_core.Machine`."""

    def evaluate(self, inputs: bytes, /) -> int:
        """Output for a vector."""

    def learn(self, inputs: bytes, output: int, /) -> None:
        """Move the weights after an agreement."""

    def key_string(self) -> bytes:
        """The digits of the weights."""

    def redraw(self) -> None:
        """Draw new weights."""

    def wipe(self) -> None:
        """Forget the weights."""


class Inputs(Protocol):
    """Where public vectors and salts come from; see `tpm.inputs.PublicStream`."""

    def vector(self, entries: int) -> bytes:
        """A vector of -1 and +1."""

    def letters(self, count: int) -> bytes:
        """Letters for a salt."""


def check_hash(key: bytes | bytearray, salt: bytes) -> bytes:
    """The salted hash by which the 2019 program compares two machines, 64 upper-case hex letters.

    The hex of SHA-256(key) is interleaved with the reversed hex of SHA-256(salt) and hashed again.
    """
    interleaved = bytearray(128)
    interleaved[0::2] = _hex(key)
    interleaved[1::2] = _hex(salt)[::-1]
    return _hex(interleaved)


def _hex(data: bytes | bytearray) -> bytes:
    return sha256(data).hexdigest().upper().encode()


class ThesisSession:
    """One run after another of one machine with one partner; see the module.

    `machine` must be freshly drawn. `own_id` is any integer but 0.
    """

    def __init__(
        self, *, machine: Machine, parameters: MachineParameters, inputs: Inputs, own_id: int
    ) -> None:
        self.state = State.NEW
        self._machine = machine
        self._entries = parameters.weights
        self._max_iterations = parameters.weights * parameters.L**4
        self._inputs = inputs
        self._own_id = own_id
        self._partner_id = 0
        self._iteration = 0
        self._vector = b""
        self._output = 0
        self._keys = 0
        self._unconfirmed: int | None = None

    def dial(self, service: str, partner: str) -> list[Message]:
        """The dialler's first message."""
        self._move(Move.SEND_HELLO)
        return [Hello(sender=self._own_id, service=service, partner=partner)]

    def accept(self) -> list[Message]:
        """The answer to a Dialled event."""
        self._move(Move.SEND_WELCOME)
        return [Welcome(sender=self._own_id, addressee=self._partner_id)]

    def receive(self, message: Message) -> list[Message | Event]:
        """What follows from a message of the partner.

        Raises UnexpectedMessageError, and changes nothing, for one that is out of turn.
        """
        match message:
            case Reply():
                self._check_sender(message)
                if message.echo != self._vector:
                    raise UnexpectedMessageError("an echo of another vector than the last one")
                self._move(Move.RECEIVE_REPLY)
                return self._answer(message)
            case Step():
                self._check_sender(message)
                self._move(Move.RECEIVE_STEP)
                return [*self._confirm(), *self._answer(message)]
            case Restart():
                self._check_sender(message)
                self._move(Move.RECEIVE_SAVE if message.save else Move.RECEIVE_DISCARD)
                return self._restart(message)
            case Welcome():
                if message.addressee != self._own_id or message.sender == 0:
                    raise UnexpectedMessageError("a welcome for another machine")
                self._move(Move.RECEIVE_WELCOME)
                self._partner_id = message.sender
                return [Accepted(), self._step()]
            case Hello():
                self._move(Move.RECEIVE_HELLO)
                self._partner_id = message.sender
                return [
                    Dialled(sender=message.sender, service=message.service, partner=message.partner)
                ]

    def close(self) -> None:
        """The connection is gone: forget the weights."""
        self.state = State.CLOSED
        self._machine.wipe()

    def _move(self, move: Move) -> None:
        self.state = after(self.state, move)

    def _check_sender(self, message: Step | Reply | Restart) -> None:
        if message.sender != self._partner_id:
            raise UnexpectedMessageError("a message of another machine")

    def _confirm(self) -> list[Message | Event]:
        number, self._unconfirmed = self._unconfirmed, None
        return [] if number is None else [KeyConfirmed(number=number)]

    def _answer(self, message: Step | Reply) -> list[Message | Event]:
        """The rules of a type 1 (thesis facts, section 2, "On a type 1")."""
        if self._iteration >= self._max_iterations:
            self._begin_run()
            self._move(Move.SEND_RESTART)
            return [RunDiscarded(), Restart(sender=self._own_id, save=False)]
        self._iteration += 1
        if isinstance(message, Reply) and message.agreed:
            self._machine.learn(self._vector, self._output)
            if check_hash(self._machine.key_string(), message.salt) == message.check:
                born = self._bear(confirmed=False)
                self._unconfirmed = born.number
                self._begin_run()
                self._move(Move.SEND_RESTART)
                return [born, Restart(sender=self._own_id, save=True)]
        agreed = self._machine.evaluate(message.vector) == message.output
        if agreed:
            self._machine.learn(message.vector, message.output)
        return [self._reply(message.vector, agreed=agreed)]

    def _reply(self, echo: bytes, *, agreed: bool) -> Reply:
        salt = self._inputs.letters(SALT_LETTERS)
        check = check_hash(self._machine.key_string(), salt)
        self._draw()
        self._move(Move.SEND_AGREEING if agreed else Move.SEND_DISAGREEING)
        return Reply(
            sender=self._own_id,
            iteration=self._iteration,
            vector=self._vector,
            output=self._output,
            agreed=agreed,
            echo=echo,
            check=check,
            salt=salt,
        )

    def _restart(self, message: Restart) -> list[Message | Event]:
        event: Event = self._bear(confirmed=True) if message.save else RunDiscarded()
        self._begin_run()
        return [event, self._step()]

    def _step(self) -> Step:
        self._iteration += 1
        self._draw()
        self._move(Move.SEND_STEP)
        return Step(
            sender=self._own_id,
            iteration=self._iteration,
            vector=self._vector,
            output=self._output,
        )

    def _draw(self) -> None:
        self._vector = self._inputs.vector(self._entries)
        self._output = self._machine.evaluate(self._vector)

    def _begin_run(self) -> None:
        self._machine.redraw()
        self._iteration = 0

    def _bear(self, *, confirmed: bool) -> KeyBorn:
        number = self._keys
        self._keys += 1
        return KeyBorn(
            number=number,
            key=bytearray(self._machine.key_string()),
            iterations=self._iteration,
            confirmed=confirmed,
        )
