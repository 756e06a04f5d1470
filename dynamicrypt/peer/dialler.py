"""Keeps one connection to a partner alive: dials, waits until it is lost, and dials again.

Twisted's ClientService would do, but it may not be stopped from a callback of its own and loses
its way when a connection ends while it is being prepared; both are everyday events here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import SystemRandom
from typing import Final, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from dynamicrypt.peer.waiters import Waiters

T = TypeVar("T")

#: Pause (s) before the second attempt, and the most that it grows to.
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
GROWTH: Final = 1.6
#: A connection that was lost sooner than this (s) was no success: what ends each at once, such as a
#: fault of a program, would otherwise be met twice a second, and written to both logs.
STEADY: Final = 1.0
#: Pauses vary by this share, so that nodes that lost each other do not dial in step.
JITTER: Final = 0.2

_random = SystemRandom()


class Connection(Protocol):
    """What the dialler asks of a connection."""

    @property
    def accepted(self) -> Deferred[None]:
        """Fires when the partner accepted; fails when it did not."""

    @property
    def closed(self) -> Deferred[None]:
        """Fires when an accepted connection is gone."""

    def drop(self) -> None:
        """End it at once."""


def pause(failures: int) -> float:
    """Seconds to wait after so many failures in a row; a connection that was lost counts as one."""
    length = min(FIRST_PAUSE * GROWTH ** min(failures - 1, 32), LONGEST_PAUSE)
    return length * (1 + JITTER * _random.uniform(-1, 1))


class Dialler:
    """Dials with `connect` until it is stopped.

    `failed` is told why an attempt failed, if that is another reason than the last time.
    `stop` may be called at any time, from any callback, and again.
    """

    _log = Logger()

    def __init__(
        self,
        connect: Callable[[], Deferred[Connection]],
        failed: Callable[[Exception], object],
        clock: IReactorTime,
    ) -> None:
        #: Whether the first attempt is over.
        self.tried = False
        #: Why the last attempt failed; None once the next one is under way.
        self.failure: Exception | None = None
        #: The connection of the moment, accepted or not yet.
        self.connection: Connection | None = None
        self._connect = connect
        self._failed = failed
        self._told = ""
        self._clock = clock
        self._stopped = False
        self._outcome: Exception | None = None
        self._waiters = Waiters()
        self._waiting_for: Deferred[object] | None = None
        self._accepted = False

    def start(self) -> None:
        """Make the first attempt."""
        Deferred.fromCoroutine(self._run()).addErrback(
            lambda failure: self._log.failure("dialling ended", failure)
        )

    def when_tried(self) -> Deferred[None]:
        """The outcome of the first attempt; the attempts go on either way.

        Each caller has a Deferred of its own, and may cancel it without harm to the others. `stop`
        ends the wait with CancelledError.
        """
        waiting = self._waiters.wait()
        if self.tried:
            self._tell()
        return waiting

    def stop(self, *, keep: bool = False) -> None:
        """Make no more attempts, and drop the connection but for an accepted one to `keep`."""
        self._stopped = True
        connection, kept = self.connection, keep and self._accepted
        if self._waiting_for is not None:
            self._waiting_for.cancel()
        if connection is not None and not kept:
            connection.drop()
        self._report(CancelledError())

    async def _run(self) -> None:
        failures = 0
        while not self._stopped:
            self.failure = None
            try:
                self.connection = await self._wait(self._connect())
                await self._wait(self.connection.accepted)
                began = self._clock.seconds()
                self._accepted = True
                self._told = ""
                self._report(None)
                await self._wait(self.connection.closed)
                if self._clock.seconds() - began >= STEADY:
                    failures = 0
            except Exception as error:
                self._fail(error)
            failures += 1
            self.connection = None
            self._accepted = False
            with suppress(CancelledError):
                await self._wait(deferLater(self._clock, pause(failures)))

    def _fail(self, error: Exception) -> None:
        # Its traceback would keep the connection in memory.
        self.failure = error.with_traceback(None)
        if not self._stopped and str(error) != self._told:
            self._told = str(error)
            self._failed(error)
        self._report(error)

    async def _wait(self, deferred: Deferred[T]) -> T:
        """The result; `stop` ends the wait with CancelledError."""
        if self._stopped:
            deferred.cancel()
        self._waiting_for = deferred  # type: ignore[assignment]  # any result will do
        try:
            return await deferred
        finally:
            self._waiting_for = None

    def _report(self, error: Exception | None) -> None:
        if self.tried:
            return
        self.tried = True
        self._outcome = error
        self._tell()

    def _tell(self) -> None:
        if self._outcome is None:
            self._waiters.release()
        else:
            self._waiters.fail(self._outcome)
