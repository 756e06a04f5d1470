"""The states of wire 1 and the messages that lead from one to the next (docs/wire-1.md)."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from dynamicrypt.errors import ProtocolStateError, RemoteError


class UnexpectedMessageError(RemoteError):
    """The partner sent a message that its turn does not allow. Check that it speaks wire 1."""


class State(Enum):
    """Whose turn it is, and for what."""

    NEW = auto()
    GREETED = auto()
    ASKED_FOR = auto()
    WAITING = auto()
    OPENING = auto()
    ASKED = auto()
    TURN = auto()
    DISAGREED = auto()
    AGREED = auto()
    CLOSED = auto()


class Move(Enum):
    """A message in one direction; what it carries decides between the variants of a type."""

    SEND_HELLO = auto()
    RECEIVE_HELLO = auto()
    SEND_WELCOME = auto()
    RECEIVE_WELCOME = auto()
    SEND_STEP = auto()
    RECEIVE_STEP = auto()
    SEND_AGREEING = auto()
    SEND_DISAGREEING = auto()
    RECEIVE_REPLY = auto()
    SEND_RESTART = auto()
    RECEIVE_SAVE = auto()
    RECEIVE_DISCARD = auto()


#: A saving restart is only ever the answer to our agreeing reply: AGREED is the one state that
#: takes it, so that nobody can force a key on us (thesis facts, section 5).
TRANSITIONS: Final[dict[tuple[State, Move], State]] = {
    (State.NEW, Move.SEND_HELLO): State.GREETED,
    (State.NEW, Move.RECEIVE_HELLO): State.ASKED_FOR,
    (State.ASKED_FOR, Move.SEND_WELCOME): State.WAITING,
    (State.GREETED, Move.RECEIVE_WELCOME): State.OPENING,
    (State.OPENING, Move.SEND_STEP): State.ASKED,
    (State.WAITING, Move.RECEIVE_STEP): State.TURN,
    (State.ASKED, Move.RECEIVE_REPLY): State.TURN,
    (State.DISAGREED, Move.RECEIVE_REPLY): State.TURN,
    (State.AGREED, Move.RECEIVE_REPLY): State.TURN,
    (State.ASKED, Move.RECEIVE_DISCARD): State.OPENING,
    (State.DISAGREED, Move.RECEIVE_DISCARD): State.OPENING,
    (State.AGREED, Move.RECEIVE_DISCARD): State.OPENING,
    (State.AGREED, Move.RECEIVE_SAVE): State.OPENING,
    (State.TURN, Move.SEND_AGREEING): State.AGREED,
    (State.TURN, Move.SEND_DISAGREEING): State.DISAGREED,
    (State.TURN, Move.SEND_RESTART): State.WAITING,
}


def after(state: State, move: Move) -> State:
    """The next state.

    Raises UnexpectedMessageError for a message of the partner that the table does not have, and
    ProtocolStateError for one of our own.
    """
    following = TRANSITIONS.get((state, move))
    if following is None:
        reason = f"{move.name.lower()} in state {state.name.lower()}"
        if move.name.startswith("SEND"):
            raise ProtocolStateError(reason)
        raise UnexpectedMessageError(reason)
    return following
