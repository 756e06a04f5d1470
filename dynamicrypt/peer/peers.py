"""The known peers: whom this node trusts, by fingerprint, and where to find them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv6Address
from typing import Final

from dynamicrypt.peer import fingerprint as fingerprints
from dynamicrypt.peer.errors import (
    NoSuchPeerError,
    PeerEntryError,
    PeerKnownError,
)

#: Most peers of a node; ten times the links that a daemon is built for.
MAX_PEERS: Final = 10_000

#: The port on which a node listens for links unless it is told otherwise.
LINK_PORT: Final = 9082

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\.?")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a peer listens: a host name or IP address, and a TCP port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `host:port`; an IPv6 address stands in brackets. Raises PeerEntryError."""
        host, colon, port = text.rpartition(":")
        if not (colon and _PORT.fullmatch(port) and int(port) < 65536):
            raise PeerEntryError(f"{text!r} is not host:port")
        if host.startswith("[") and host.endswith("]"):
            try:
                return cls(str(IPv6Address(host[1:-1])), int(port))
            except ValueError as error:
                raise PeerEntryError(f"{host} is no IPv6 address") from error
        if not _HOST.fullmatch(host):
            raise PeerEntryError(f"{host!r} is no host name or IP address")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A node that this one trusts. Raises PeerEntryError for a name or fingerprint out of range."""

    name: str
    fingerprint: bytes
    address: Address | None = None
    allow_classical: bool = False

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise PeerEntryError(
                f"{self.name!r} is no name: use 1 to 63 small letters, digits, '.', '-' and '_'"
            )
        if len(self.fingerprint) != fingerprints.SIZE:
            raise PeerEntryError(f"a fingerprint has {fingerprints.SIZE} bytes")


class KnownPeers:
    """A set of peers with unique names and fingerprints; a value that is never changed.

    Raises PeerEntryError for a double name or fingerprint, or more than MAX_PEERS.
    """

    def __init__(self, peers: tuple[Peer, ...] = ()) -> None:
        self._by_name = {peer.name: peer for peer in peers}
        self._by_fingerprint = {peer.fingerprint: peer for peer in peers}
        if len(self._by_name) != len(peers):
            raise PeerEntryError("two peers have one name")
        if len(self._by_fingerprint) != len(peers):
            raise PeerEntryError("two peers have one fingerprint")
        if len(peers) > MAX_PEERS:
            raise PeerEntryError(f"there are more than {MAX_PEERS} peers")

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KnownPeers) and self._by_name == other._by_name

    def __hash__(self) -> int:
        return hash(frozenset(self._by_name.values()))

    def __getitem__(self, fingerprint: bytes) -> Peer:
        return self._by_fingerprint[fingerprint]

    def named(self, name: str) -> Peer:
        """The peer of this name; raises NoSuchPeerError."""
        try:
            return self._by_name[name]
        except KeyError:
            raise NoSuchPeerError(f"no peer is called {name!r}") from None

    def owner_of(self, fingerprint: bytes) -> Peer | None:
        """The peer with this fingerprint, None if nobody known has it."""
        return self._by_fingerprint.get(fingerprint)

    def with_peer(self, peer: Peer) -> KnownPeers:
        """These peers and one more; raises PeerKnownError if its name or fingerprint is known."""
        if peer.name in self._by_name:
            raise PeerKnownError(f"a peer is called {peer.name!r} already")
        owner = self.owner_of(peer.fingerprint)
        if owner is not None:
            raise PeerKnownError(f"this fingerprint is that of the peer {owner.name!r}")
        return KnownPeers((*self, peer))

    def without(self, name: str) -> KnownPeers:
        """These peers without the one of this name; raises NoSuchPeerError."""
        gone = self.named(name)
        return KnownPeers(tuple(peer for peer in self if peer is not gone))

    def met(self, fingerprint: bytes, *, name: str, address: Address | None) -> KnownPeers:
        """These peers after a pairing with the owner of the fingerprint, who calls itself `name`.

        A known owner keeps its name and what it is allowed, and gets the address if there is one;
        a new one whose name is taken is numbered (`berlin`, `berlin-2`, …).
        """
        known = self.owner_of(fingerprint)
        if known is not None:
            moved = replace(known, address=address or known.address)
            return KnownPeers(tuple(moved if peer is known else peer for peer in self))
        free, number = name, 1
        while free in self._by_name:
            number += 1
            free = f"{name[:57].rstrip('.-_')}-{number}"
        return self.with_peer(Peer(name=free, fingerprint=fingerprint, address=address))


def is_name(text: str) -> bool:
    """Whether a peer may have this name; names sort, print and type alike everywhere."""
    return _NAME.fullmatch(text) is not None
