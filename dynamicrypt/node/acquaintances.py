"""The peers by name and address, for people and for dialling, also while their file is broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.logger import Logger

from dynamicrypt.peer.errors import StateFileError
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.peers import KnownPeers, Peer


class Acquaintances:
    """The known peers of the moment, or those of before where `peers` raises StateFileError.

    Not for letting somebody in: while the file is broken nobody new is trusted.
    """

    _log = Logger()

    def __init__(self, peers: Callable[[], KnownPeers]) -> None:
        self._peers: Final = peers
        self._last = KnownPeers()
        self._fault = ""

    def now(self) -> KnownPeers:
        """All of them. A fault of the file is logged when it begins, or changes."""
        try:
            self._last = self._peers()
        except StateFileError as error:
            if str(error) != self._fault:
                self._log.error("nobody new gets in: {error}", error=error)
            self._fault = str(error)
        else:
            self._fault = ""
        return self._last

    def peer_of(self, fingerprint: bytes) -> Peer | None:
        """The peer with this fingerprint, None if it is not known."""
        return self.now().owner_of(fingerprint)

    def name_of(self, fingerprint: bytes) -> str:
        """What people call this peer: its name, or its fingerprint if it is known no more."""
        peer = self.peer_of(fingerprint)
        return show(fingerprint) if peer is None else peer.name
