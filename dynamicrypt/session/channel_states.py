"""The states of a channel and what moves it from one to the next."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from dynamicrypt.errors import ProtocolStateError, RemoteError


class ChannelStateError(RemoteError):
    """The partner sent a message that the state of the channel does not allow. Update it."""


class State(Enum):
    """What the two sides of a channel do. PAUSED: we pause; HALTED: the partner; RESTING: both."""

    NEW = auto()
    OPENING = auto()
    SETTLING = auto()
    RUNNING = auto()
    PAUSED = auto()
    HALTED = auto()
    RESTING = auto()
    CLOSED = auto()


class Move(Enum):
    """What moves a channel: steps of our own, and messages of the partner."""

    OFFER = auto()
    ADMIT = auto()
    PAUSE = auto()
    RESUME = auto()
    CLOSE = auto()
    TAKE_ACCEPT = auto()
    TAKE_REFUSE = auto()
    TAKE_HELD = auto()
    TAKE_LAST_HELD = auto()
    TAKE_ROUND = auto()
    TAKE_CONFIRM = auto()
    TAKE_UNMATCHED = auto()
    TAKE_PAUSE = auto()
    TAKE_RESUME = auto()
    TAKE_CLOSE = auto()


UP: Final = (State.RUNNING, State.PAUSED, State.HALTED, State.RESTING)
_OPEN: Final = (State.OPENING, State.SETTLING, *UP)

TRANSITIONS: Final[dict[tuple[State, Move], State]] = {
    (State.NEW, Move.OFFER): State.OPENING,
    (State.NEW, Move.ADMIT): State.SETTLING,
    (State.OPENING, Move.TAKE_ACCEPT): State.SETTLING,
    (State.OPENING, Move.TAKE_REFUSE): State.CLOSED,
    (State.SETTLING, Move.TAKE_HELD): State.SETTLING,
    (State.SETTLING, Move.TAKE_LAST_HELD): State.RUNNING,
    (State.SETTLING, Move.TAKE_UNMATCHED): State.SETTLING,
    (State.RUNNING, Move.PAUSE): State.PAUSED,
    (State.HALTED, Move.PAUSE): State.RESTING,
    (State.PAUSED, Move.RESUME): State.RUNNING,
    (State.RESTING, Move.RESUME): State.HALTED,
    (State.RUNNING, Move.TAKE_PAUSE): State.HALTED,
    (State.PAUSED, Move.TAKE_PAUSE): State.RESTING,
    (State.HALTED, Move.TAKE_RESUME): State.RUNNING,
    (State.RESTING, Move.TAKE_RESUME): State.PAUSED,
    **{
        (state, move): state
        for state in UP
        for move in (Move.TAKE_ROUND, Move.TAKE_CONFIRM, Move.TAKE_UNMATCHED)
    },
    **{(state, move): State.CLOSED for state in _OPEN for move in (Move.CLOSE, Move.TAKE_CLOSE)},
}


def after(state: State, move: Move) -> State:
    """The next state.

    Raises ChannelStateError for a move of the partner that the table does not have, and
    ProtocolStateError for one of our own.
    """
    following = TRANSITIONS.get((state, move))
    if following is None:
        reason = f"{move.name.lower()} in state {state.name.lower()}"
        remote = move.name.startswith("TAKE")
        raise (ChannelStateError if remote else ProtocolStateError)(reason)
    return following
