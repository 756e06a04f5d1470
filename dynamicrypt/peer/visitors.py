"""How many connections one known peer may have here, and how often it may come.

A peer that means well has one link, and for a moment a second one when both sides dial. One that
does not could dial in a loop: each connection costs a handshake, a descriptor, lines in the log,
and, if it claims a restart each time, events for every application.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dynamicrypt.peer.errors import TooManyConnectionsError
from dynamicrypt.session.allowance import Allowance

#: Connections of one peer at a time: its link, and those that are not known to be dead yet.
MAX_CONNECTIONS: Final = 8
#: Connections that one peer may begin at once, and in a second; a dialler of ours makes two.
ARRIVALS: Final = 16
ARRIVALS_PER_SECOND: Final = 4.0
#: Peers without a connection that are remembered.
MAX_REMEMBERED: Final = 1024


@dataclass(slots=True)
class _Peer:
    connections: int
    allowance: Allowance


class Visitors:
    """The connections to one listener by the fingerprint of who made them."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        # Who came or left last is at the end.
        self._peers: OrderedDict[bytes, _Peer] = OrderedDict()

    def enter(self, fingerprint: bytes) -> None:
        """A peer has proven who it is, and wants in; `leave` must follow.

        Raises TooManyConnectionsError, and counts nothing but the attempt.
        """
        now = self._seconds()
        peer = self._peers.get(fingerprint)
        if peer is None:
            allowance = Allowance(ARRIVALS, ARRIVALS_PER_SECOND, now)
            peer = self._peers[fingerprint] = _Peer(0, allowance)
        if not peer.allowance.take(now):
            raise TooManyConnectionsError("the peer connects again and again")
        if peer.connections >= MAX_CONNECTIONS:
            raise TooManyConnectionsError(f"the peer has {MAX_CONNECTIONS} connections already")
        peer.connections += 1

    def leave(self, fingerprint: bytes) -> None:
        """A connection that had entered is gone."""
        self._peers[fingerprint].connections -= 1
        self._peers.move_to_end(fingerprint)
        absent = [each for each, peer in self._peers.items() if not peer.connections]
        for each in absent[: max(0, len(absent) - MAX_REMEMBERED)]:
            del self._peers[each]
