"""Something to be done in the next turn of the reactor, so that others have theirs first."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class NextTurn:
    """One call at most in the next turn, however often it is asked for.

    It holds what it is to call only until then.
    """

    __slots__ = ("_clock", "_coming")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._coming: IDelayedCall | None = None

    def ask(self, call: Callable[[], object]) -> None:
        """Call this in the next turn, unless something is to be called then already."""
        if self._coming is None:
            self._coming = self._clock.callLater(0, self._turn, call)

    def cancel(self) -> bool:
        """Do not call; whether it was asked to."""
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.cancel()
        return coming is not None

    def _turn(self, call: Callable[[], object]) -> None:
        self._coming = None
        call()
