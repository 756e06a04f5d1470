"""A line on the terminal: how far an experiment is, how fast, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TextIO

#: Seconds between two looks at the line: often enough to see that it lives.
INTERVAL: Final = 0.2


class Progress:
    """Counts what is done of `total`; on a terminal it shows so, elsewhere it is silent."""

    def __init__(
        self,
        what: str,
        total: int,
        stream: TextIO,
        *,
        done: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._total, self._stream, self._clock = what, total, stream, clock
        self._done = self._found = done
        self._start = self._shown = clock()
        self._visible = stream.isatty()

    def advance(self, count: int) -> None:
        """So much more is done."""
        self._done += count
        now = self._clock()
        if self._visible and now - self._shown >= INTERVAL:
            self._shown = now
            print(f"\r{self.line()}\x1b[K", end="", file=self._stream, flush=True)

    def line(self) -> str:
        """What it says: share, rate, and remaining time at that rate."""
        seconds = self._clock() - self._start
        made = self._done - self._found
        share = 100 * self._done // self._total if self._total else 100
        if not made or seconds <= 0:
            return f"{self._what}: {share} %"
        rate = made / seconds
        left = (self._total - self._done) / rate
        return f"{self._what}: {share} %, {rate:,.0f}/s, {_clock_text(left)} left"

    def __enter__(self) -> Self:
        if self._visible:
            print(self.line(), end="", file=self._stream, flush=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._visible:
            print("\r\x1b[K", end="", file=self._stream, flush=True)


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
