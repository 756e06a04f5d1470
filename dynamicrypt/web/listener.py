"""Whether a client that sends no more still waits for its answer.

One that closed its connection and one that shut down its sending side look the same to who reads:
all has come (RFC 9293, section 3.6). What tells them apart is what comes back for bytes that are
sent to them. An interim answer is sent for that: clients pass over one that they did not ask for
(RFC 9110, section 15.2).
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
#: On this machine a reset comes within the time that sending takes; seconds until it is looked for.
_ECHO: Final = 0.02
#: Seconds until it is asked again: it may leave later, too.
_AGAIN: Final = 1.0


class Listener:
    """A client that sends no more. From `ask` on its connection is cut as soon as it has left."""

    def __init__(
        self, transport: Any, later: Callable[[float, Callable[[], object]], IDelayedCall]
    ) -> None:
        #: An ITCPTransport with a socket.
        self._transport = transport
        self._later = later
        self._next: IDelayedCall | None = None

    def ask(self) -> None:
        """Find out, again and again, until it is to be left alone."""
        self._transport.write(CONTINUE)
        self._next = self._later(_ECHO, self._look)

    def leave_alone(self) -> None:
        """It gets its answer: what is sent now tells itself."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look(self) -> None:
        self._next = None
        if hung_up(self._transport.getHandle()):
            self._transport.abortConnection()
        else:
            self._next = self._later(_AGAIN, self.ask)


def hung_up(handle: socket.socket) -> bool:
    """Whether the other end of a connection is known to be gone altogether (poll(2))."""
    poll = select.poll()
    poll.register(handle, 0)
    return bool(poll.poll(0))
