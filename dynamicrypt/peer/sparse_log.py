"""A log of what strangers cause: they decide how often it happens, and must not fill a disk."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dynamicrypt.session.allowance import Allowance

#: Lines that are written at once, and in a second after that: as many as people read.
BURST: Final = 10
RATE: Final = 0.2
#: The lines that were not written are counted, and told of after this long (s).
PERIOD: Final = 60.0


class SparseLog:
    """Writes some lines and counts the others; the count is a line of its own."""

    def __init__(self, log: Logger, clock: IReactorTime) -> None:
        self._log = log
        self._clock = clock
        self._allowance = Allowance(BURST, RATE, clock.seconds())
        self._withheld = 0
        self._report: IDelayedCall | None = None

    def info(self, text: str, **fields: object) -> None:
        """Write a line, or count it."""
        if self._allowance.take(self._clock.seconds()):
            self._log.info(text, **fields)
            return
        self._withheld += 1
        if self._report is None:
            self._report = self._clock.callLater(PERIOD, self.flush)

    def flush(self) -> None:
        """Tell now how many lines were not written."""
        report, self._report = self._report, None
        if report is None:
            return
        if report.active():
            report.cancel()
        self._log.info("{count} more lines like these were not written", count=self._withheld)
        self._withheld = 0
