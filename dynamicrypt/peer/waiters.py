"""Those who wait for something to happen, each free to stop waiting."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import Deferred


class Waiters:
    """Callers who wait for one thing; each has a Deferred of its own.

    One that is cancelled leaves without harm to the others, at any time, also while these are told.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Deferred[None]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self) -> Deferred[None]:
        """Fires at the next `release`, or fails with the error of the next `fail`."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def release(self) -> None:
        """Tell those who wait now that it has happened, in their order."""
        for waiting in self._leaving():
            waiting.callback(None)

    def fail(self, error: Exception) -> None:
        """Tell those who wait now that it will not happen."""
        for waiting in self._leaving():
            waiting.errback(error)

    def _leaving(self) -> Iterator[Deferred[None]]:
        """Each of those who wait now, and who still wait when it is their turn."""
        for waiting in list(self._waiting):
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                yield waiting
