"""Events in their order, also those that are caused while somebody is told of another one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from twisted.logger import Logger

T = TypeVar("T")


class InOrder(Generic[T]):
    """Does one thing after the other; what is put while something is done waits for its turn.

    Something that fails is logged, and the rest is done all the same. `more` is asked for the next
    thing when there is none.
    """

    _log = Logger()

    def __init__(self, more: Callable[[], Iterable[T]] = tuple[T]) -> None:
        self._more = more
        self._pending: deque[T] = deque()
        self._busy = False

    def put(self, things: Iterable[T], do: Callable[[T], object]) -> None:
        """Do these after all that was put before; now, unless something is being done.

        `do` is the same each time, may cause more, and never runs inside itself.
        """
        self._pending.extend(things)
        if self._busy:
            return
        self._busy = True
        try:
            while self._pending or self._refill():
                try:
                    do(self._pending.popleft())
                except Exception:
                    self._log.failure("an event was not taken")
        finally:
            self._busy = False

    def _refill(self) -> bool:
        self._pending.extend(self._more())
        return bool(self._pending)
