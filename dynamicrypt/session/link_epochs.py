"""Epochs of a link: the exchange of shares and proofs that begins each of them.

    role 0                                   role 1
    share, first rounds  ------------------>
                         <------------------ share, proof
    proof                ------------------>

Epoch 0 travels in the hellos. Both sides keep the old secret until the partner has proven the
new one.
"""

from __future__ import annotations

from enum import Enum, auto
from hmac import compare_digest
from typing import Final

from dynamicrypt.errors import ProtocolStateError, RemoteError
from dynamicrypt.keys import ratchet
from dynamicrypt.keys.ratchet import Fill, Offer
from dynamicrypt.keys.schedule import EpochKeys, Parties, Secret


class EpochError(RemoteError):
    """The partner broke the exchange of an epoch. It is safe to dial it again."""


class State(Enum):
    """How far the exchange of the newest epoch is."""

    INITIAL = auto()
    OFFERED = auto()
    PROVING = auto()
    STEADY = auto()
    CLOSED = auto()


class Move(Enum):
    """What happens in an exchange."""

    OFFER = auto()
    TAKE_ANSWER = auto()
    ANSWER = auto()
    TAKE_PROOF = auto()


TRANSITIONS: Final[dict[tuple[State, Move], State]] = {
    (State.INITIAL, Move.OFFER): State.OFFERED,
    (State.STEADY, Move.OFFER): State.OFFERED,
    (State.OFFERED, Move.TAKE_ANSWER): State.PROVING,
    (State.INITIAL, Move.ANSWER): State.PROVING,
    (State.STEADY, Move.ANSWER): State.PROVING,
    (State.PROVING, Move.TAKE_PROOF): State.STEADY,
}
#: What each role may do.
_MOVES: Final = (
    {Move.OFFER, Move.TAKE_ANSWER, Move.TAKE_PROOF},
    {Move.ANSWER, Move.TAKE_PROOF},
)


class Epochs:
    """The chain of epoch secrets of one link. `exporter` is copied, and wiped with `wipe`."""

    def __init__(self, *, role: int, parties: Parties, exporter: Secret, fill: Fill) -> None:
        self.state = State.INITIAL
        #: The number of the newest epoch that was begun, proven or not.
        self.number = -1
        self._role = role
        self._parties = parties
        self._prior = bytearray(exporter)
        self._fill = fill
        self._offer: Offer | None = None
        self._line = b""
        self._transcript = b""
        self._current: EpochKeys | None = None
        self._coming: EpochKeys | None = None

    def keys(self, number: int) -> EpochKeys | None:
        """The keys of an epoch if it is the one proven last."""
        current = self._current
        return current if current is not None and current.number == number else None

    @property
    def changing(self) -> bool:
        """Whether an exchange is under way."""
        return self.state is not State.STEADY

    def offer(self) -> bytes:
        """Role 0 begins the next epoch; its share. `offered` must follow."""
        self._move(Move.OFFER)
        self.number += 1
        self._offer = Offer(self._fill)
        return self._offer.share

    def offered(self, line: bytes) -> None:
        """The line in which the offer was sent, without its LF."""
        self._line = line

    def take_answer(self, number: int, share: bytes, line: bytes) -> None:
        """Role 0 takes the partner's share and the line it came in."""
        self._expect(number)
        self._move(Move.TAKE_ANSWER)
        offer, self._offer = self._offer, None
        if offer is None:
            raise ProtocolStateError("no offer was made")
        self._derive(offer.finish(share), ratchet.transcript(number, self._line, line))

    def answer(self, number: int, share: bytes) -> tuple[bytes, bytearray]:
        """Role 1 takes an offer; its share, and the shared secrets for `answered`."""
        if number != self.number + 1:
            raise EpochError(f"epoch {number} after epoch {self.number}")
        self._move(Move.ANSWER)
        self.number = number
        return ratchet.answer(share, self._fill)

    def answered(self, shared: bytearray, offer: bytes, line: bytes) -> None:
        """The lines of the exchange, without their LF; wipes the secrets."""
        self._derive(shared, ratchet.transcript(self.number, offer, line))

    def proof(self) -> bytes:
        """Our proof that we have the new secret."""
        if self._coming is None:
            raise ProtocolStateError("no epoch to prove")
        return self._coming.proof(self._role, self._transcript)

    def take_proof(self, number: int, tag: bytes) -> bytes:
        """Check the partner's proof, make the epoch the current one and erase the old one.

        Returns our own proof. Raises EpochError.
        """
        self._expect(number)
        self._move(Move.TAKE_PROOF)
        coming = self._coming
        if coming is None:
            raise ProtocolStateError("no epoch to prove")
        if not compare_digest(coming.proof(1 - self._role, self._transcript), tag):
            raise EpochError("a proof that is wrong")
        proof = self.proof()
        if self._current is not None:
            self._current.wipe()
        self._prior[:] = bytes(len(self._prior))
        self._current, self._coming = coming, None
        return proof

    def wipe(self) -> None:
        """Erase every secret; the chain is over."""
        self.state = State.CLOSED
        self._offer = None
        self._prior[:] = bytes(len(self._prior))
        for keys in (self._current, self._coming):
            if keys is not None:
                keys.wipe()
        self._current = self._coming = None

    def _derive(self, shared: bytearray, transcript: bytes) -> None:
        self._transcript = transcript
        self._coming = ratchet.next_epoch(
            number=self.number,
            prior=self._prior if self._current is None else self._current.next,
            shared=shared,
            exchange=transcript,
            parties=self._parties,
        )

    def _expect(self, number: int) -> None:
        if number != self.number:
            raise EpochError(f"epoch {number} instead of {self.number}")

    def _move(self, move: Move) -> None:
        state = TRANSITIONS.get((self.state, move))
        if state is None or move not in _MOVES[self._role]:
            reason = f"{move.name.lower()} in state {self.state.name.lower()}"
            raise (ProtocolStateError if move is Move.OFFER else EpochError)(reason)
        self.state = state
