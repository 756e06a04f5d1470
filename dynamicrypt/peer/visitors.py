"""How many connections one known peer may have here, and how often it may come.

A peer that means well has one link, and for a moment a second one when both sides dial. One that
does not could dial in a loop: each connection costs a handshake, a descriptor, lines in the log,
and, if it claims a restart each time, events for every application.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from dynamicrypt.peer.errors import TooManyConnectionsError
from dynamicrypt.session.allowance import Allowances

#: Connections of one peer at a time: its link, and those that are not known to be dead yet.
MAX_CONNECTIONS: Final = 8
#: Connections that one peer may begin at once, and in a second; a dialler of ours makes two.
ARRIVALS: Final = 16
ARRIVALS_PER_SECOND: Final = 4.0


class Visitors:
    """The connections to one listener by the fingerprint of who made them."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._arrivals: Allowances[bytes] = Allowances(ARRIVALS, ARRIVALS_PER_SECOND)
        self._connections: Counter[bytes] = Counter()

    def enter(self, fingerprint: bytes) -> None:
        """A peer has proven who it is, and wants in; `leave` must follow.

        Raises TooManyConnectionsError, and counts nothing but the attempt.
        """
        if not self._arrivals.take(fingerprint, self._seconds()):
            raise TooManyConnectionsError("the peer connects again and again")
        if self._connections[fingerprint] >= MAX_CONNECTIONS:
            raise TooManyConnectionsError(f"the peer has {MAX_CONNECTIONS} connections already")
        self._connections[fingerprint] += 1

    def leave(self, fingerprint: bytes) -> None:
        """A connection that had entered is gone."""
        self._connections[fingerprint] -= 1
        if not self._connections[fingerprint]:
            del self._connections[fingerprint]
