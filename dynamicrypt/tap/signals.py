"""What SIGHUP and SIGUSR1 do to a node; unheeded they would end it with nothing wiped.

Who starts a node in a terminal and closes that wants it to end, as any program there does. To a
daemon SIGHUP means "read your files again" (and comes by habit, from scripts that rotate logs): it
goes on, and has nothing to do, as it looks at its files whenever they change. SIGUSR1 is twistd's
word for "begin a new log file", and it means nothing where there is none.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import Final, cast

from twisted.application.service import Service
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads
from twisted.logger import Logger

from dynamicrypt.node.reactor import Reactor

_HEEDED: Final = (signal.SIGHUP, signal.SIGUSR1)


class Signals(Service):
    """Heeds both signals from its start on, but for what somebody has decided about already.

    `nohup` has SIGHUP ignored, and twistd takes SIGUSR1 where it writes a log file.
    """

    _log = Logger()

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._in_terminal = False

    def startService(self) -> None:
        """Heed them; the process is a daemon by now where it is to be one."""
        super().startService()
        self._in_terminal = _has_terminal()
        for number in _HEEDED:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self._came)

    def _came(self, number: int, _frame: FrameType | None) -> None:
        threads = cast("IReactorFromThreads", self._reactor)
        threads.callFromThread(self._heed, signal.Signals(number))

    def _heed(self, number: signal.Signals) -> None:
        if number is signal.SIGHUP and self._in_terminal:
            self._log.info("the terminal was closed: the node ends")
            with suppress(ReactorNotRunning):
                cast("IReactorCore", self._reactor).stop()
        else:
            self._log.info("{name} changes nothing: the node goes on", name=number.name)


def _has_terminal() -> bool:
    """Whether the process has a terminal that would tell it when it is closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
