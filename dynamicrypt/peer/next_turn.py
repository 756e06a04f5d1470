"""Something to be done in the next turn of the reactor, so that others have theirs first."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class NextTurn:
    """Calls `call` in the next turn, once, however often it is asked to meanwhile."""

    __slots__ = ("_call", "_clock", "_coming")

    def __init__(self, clock: IReactorTime, call: Callable[[], object]) -> None:
        self._clock = clock
        self._call = call
        self._coming: IDelayedCall | None = None

    def ask(self) -> None:
        """Call in the next turn."""
        if self._coming is None:
            self._coming = self._clock.callLater(0, self._turn)

    def cancel(self) -> bool:
        """Do not call; whether it was asked to."""
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.cancel()
        return coming is not None

    def _turn(self) -> None:
        self._coming = None
        self._call()
