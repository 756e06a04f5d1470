"""The messages that give a link its epochs: hellos for the first, then epoch, answer and proof.

`link_epochs` has the secrets; here is when role 0 begins an exchange, what each side says in it,
and what it means for the channels.
"""

from __future__ import annotations

from typing import Final

from dynamicrypt.session.allowance import Allowance
from dynamicrypt.session.link_alive import LinkTimes
from dynamicrypt.session.link_channels import Channels
from dynamicrypt.session.link_epochs import EpochError, Epochs
from dynamicrypt.session.link_events import EpochBegun, LinkEvent
from dynamicrypt.session.link_greeting import Greeting
from dynamicrypt.wire.link import encode
from dynamicrypt.wire.link_messages import Answer, Epoch, Hello, Message, Proof

#: Epochs that role 0 may begin at once, and in a second. An honest one begins one a minute or so;
#: each costs the other side 1 ms, and 0.15 ms for every channel.
EPOCHS: Final = 16
EPOCHS_PER_SECOND: Final = 2.0


class Rekeying:
    """One side of the exchanges of a link; `now` is when it began."""

    def __init__(
        self,
        *,
        role: int,
        greeting: Greeting,
        epochs: Epochs,
        channels: Channels,
        times: LinkTimes,
        now: float,
    ) -> None:
        self._role: Final = role
        self._greeting: Final = greeting
        self._epochs: Final = epochs
        self._channels: Final = channels
        self._times: Final = times
        self._allowance: Final = Allowance(EPOCHS, EPOCHS_PER_SECOND, now)
        self._began = now
        self._keys = 0

    @property
    def owed(self) -> list[str]:
        """What the partner owes us, in words that change with every progress."""
        return [f"epoch {self._epochs.number}"] if self._epochs.changing else []

    def greet(self) -> Hello:
        """Role 0's hello, with which the exchange of epoch 0 begins."""
        hello = self._greeting.hello(self._epochs.offer())
        self._epochs.offered(encode(hello)[:-1])
        return hello

    def take_hello(self, message: Hello, line: bytes) -> list[Message]:
        """Take the partner's hello; role 1 answers with its own, and its proof."""
        self._greeting.take(message)
        if self._role == 0:
            self._epochs.take_answer(0, message.share, line)
            return []
        share, shared = self._epochs.answer(0, message.share)
        hello = self._greeting.hello(share)
        self._epochs.answered(shared, line, encode(hello)[:-1])
        return [hello, Proof(epoch=0, tag=self._epochs.proof())]

    def take_proof(self, message: Proof) -> list[Message]:
        """Check the partner's proof; role 0 answers with its own."""
        self._channels.settle_epoch()
        tag = self._epochs.take_proof(message.epoch, message.tag)
        return [Proof(epoch=message.epoch, tag=tag)] if self._role == 0 else []

    def take(
        self, message: Epoch | Answer | Proof, line: bytes, now: float
    ) -> list[Message | LinkEvent]:
        """What follows from a message of an exchange after the first. Raises RemoteError."""
        match message:
            case Epoch():
                return self._answer(message, line, now)
            case Answer():
                self._epochs.take_answer(message.epoch, message.share, line)
                return []
            case Proof():
                out = self.take_proof(message)
                self._began = now
                self._channels.epoch_proven()
                return [*out, EpochBegun(epoch=message.epoch)]

    def renew(self, now: float, keys: int) -> list[Message | LinkEvent]:
        """Begin an epoch, if we are role 0 and it is time; `keys` were made on this link so far."""
        times = self._times
        due = now - self._began >= times.epoch or keys - self._keys >= times.epoch_keys
        if self._role != 0 or not due or self._epochs.changing:
            return []
        self._keys = keys
        share = self._epochs.offer()
        rounds = self._channels.first_rounds()
        message = Epoch(epoch=self._epochs.number, share=share, rounds=rounds)
        self._epochs.offered(encode(message)[:-1])
        self._channels.own_turns(message.epoch, rounds)
        return [message]

    def _answer(self, message: Epoch, line: bytes, now: float) -> list[Message | LinkEvent]:
        if not self._allowance.take(now):
            raise EpochError("epochs that follow each other too fast")
        share, shared = self._epochs.answer(message.epoch, message.share)
        reply = Answer(epoch=message.epoch, share=share)
        self._epochs.answered(shared, line, encode(reply)[:-1])
        proof = Proof(epoch=message.epoch, tag=self._epochs.proof())
        self._channels.take_turns(message.epoch, message.rounds)
        return [reply, proof]
