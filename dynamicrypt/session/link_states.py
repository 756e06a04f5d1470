"""The states of a link and what moves it from one to the next."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from dynamicrypt.errors import ProtocolStateError, RemoteError


class LinkError(RemoteError):
    """The partner broke the order of the link's messages. Its program is faulty; update it."""


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


def after(state: State, move: Move) -> State:
    """The next state.

    Raises LinkError for a move of the partner that the table does not have, and
    ProtocolStateError for one of our own.
    """
    following = TRANSITIONS.get((state, move))
    if following is None:
        reason = f"{move.name.lower()} in state {state.name.lower()}"
        remote = move.name.startswith("TAKE")
        raise (LinkError if remote else ProtocolStateError)(reason)
    return following
