"""Run one coroutine on Twisted's reactor, for commands that use the network themselves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

_T = TypeVar("_T")


def run(main: Callable[[Any], Coroutine[Deferred[Any], Any, _T]]) -> _T:
    """What `main(reactor)` returns, or raises; click.Abort if the user interrupts it.

    An interrupt cancels what the coroutine waits for, so that it can clean up. The reactor runs
    once in a process.
    """
    from twisted.internet import reactor  # noqa: PLC0415 - installs it, so only when it will run

    # Typed Any: the module's type names no interfaces.
    loop: Any = reactor
    outcome: list[_T | Failure] = []
    finished: Deferred[None] = Deferred()
    stopping = False

    def start() -> None:
        running = Deferred.fromCoroutine(main(loop))

        def give_up() -> Deferred[None]:
            nonlocal stopping
            stopping = True
            running.cancel()
            return finished

        loop.addSystemEventTrigger("before", "shutdown", give_up)
        running.addBoth(finish)

    def finish(result: _T | Failure) -> None:
        outcome.append(result)
        finished.callback(None)
        if not stopping:
            loop.stop()

    loop.callWhenRunning(start)
    loop.run()
    (result,) = outcome
    if isinstance(result, Failure):
        if result.check(CancelledError):
            raise click.Abort
        result.raiseException()
    return result
