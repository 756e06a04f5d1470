"""The known peers: whom this node trusts, by fingerprint, and where to find them.

The file is JSON, written by `dynamicrypt peer` and `dynamicrypt pair` and readable by people:

    {"version": 1, "peers": [{"name": "berlin", "fingerprint": "…", "address": "host:port",
                              "allow_classical": false}]}

`address` is null for a peer that only dials us. Anything else in it is an error rather than
ignored: a mistyped `allow_classical` must not go unnoticed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv6Address
from typing import Any, Final

from twisted.logger import Logger

from dynamicrypt.peer import fingerprint as fingerprints
from dynamicrypt.peer.errors import (
    MistypedError,
    NoSuchPeerError,
    PeerEntryError,
    PeerKnownError,
    StateFileError,
)
from dynamicrypt.peer.statedir import FileVersion, StateDirectory

#: The file in the state directory.
FILE: Final = "peers.json"
#: Most peers of a node; ten times the links that a daemon is built for.
MAX_PEERS: Final = 10_000

#: The port on which a node listens for links unless it is told otherwise.
LINK_PORT: Final = 9082

_VERSION: Final = 1
_FIELDS: Final = frozenset({"name", "fingerprint", "address", "allow_classical"})
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


class PeersFile:
    """The known peers as they are in the state directory now.

    A running daemon sees changes that another process makes: `current` looks at the file's inode,
    time and size, and reads it again when they differ. It is asked at every handshake.
    """

    _log = Logger()

    def __init__(self, directory: StateDirectory) -> None:
        self._directory = directory
        self._version: FileVersion | None = None
        self._known: KnownPeers | None = None
        self._fault = ""

    def current(self) -> KnownPeers:
        """The known peers, as the file had them when it last held just them.

        Raises StateFileError if it never did. Later a mistake in it is logged, once, and changes
        nothing: it lets nobody in, and cuts no link.
        """
        try:
            version = self._directory.version(FILE)
            if self._known is None or version != self._version:
                # What cannot be read now may be readable soon, and be no other version then.
                content = self._content()
                self._version = version
                self._known = self._decoded(content)
                self._fault = ""
        except StateFileError as error:
            if self._known is None:
                raise
            self._complain(str(error))
        return self._known

    def update(self, change: Callable[[KnownPeers], KnownPeers]) -> KnownPeers:
        """Replace the file by what `change` makes of it, with other processes kept out."""
        with self._directory.lock():
            known = change(self._read())
            self._directory.replace(FILE, encode(known))
        return known

    def meet(self, fingerprint: bytes, *, name: str, address: Address | None) -> Peer:
        """Enter the owner of a fingerprint after a pairing, as KnownPeers.met does; its entry."""
        with self._directory.lock():
            known = self._read().met(fingerprint, name=name, address=address)
            self._directory.replace(FILE, encode(known))
        return known[fingerprint]

    def _complain(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            self._log.error("{fault}; who was known before is known still", fault=fault)

    def _read(self) -> KnownPeers:
        return self._decoded(self._content())

    def _content(self) -> bytes | None:
        """What the file holds, None if there is none."""
        try:
            return self._directory.read(FILE)
        except FileNotFoundError:
            return None

    def _decoded(self, content: bytes | None) -> KnownPeers:
        try:
            return KnownPeers() if content is None else decode(content)
        except ValueError as error:
            raise StateFileError(f"{self._directory.path / FILE}: {error}") from error


def is_name(text: str) -> bool:
    """Whether a peer may have this name; names sort, print and type alike everywhere."""
    return _NAME.fullmatch(text) is not None


def describe(peer: Peer) -> dict[str, Any]:
    """A peer as it stands in the file and in the output of `--json`."""
    return {
        "name": peer.name,
        "fingerprint": fingerprints.show(peer.fingerprint),
        "address": str(peer.address) if peer.address else None,
        "allow_classical": peer.allow_classical,
    }


def encode(known: KnownPeers) -> bytes:
    """The content of the file: sorted by name, one field a line, so that versions compare well."""
    peers = [describe(peer) for peer in sorted(known, key=lambda peer: peer.name)]
    return json.dumps({"version": _VERSION, "peers": peers}, indent=2).encode() + b"\n"


def decode(content: bytes) -> KnownPeers:
    """The known peers of a file's content; raises PeerEntryError with the place and the fault."""
    try:
        document = json.loads(content, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise PeerEntryError(f"no JSON: {error}") from error
    if not isinstance(document, dict) or document.keys() != {"version", "peers"}:
        raise PeerEntryError("the file must have `version` and `peers` and nothing else")
    # The type is asked for because true and 1.0 are equal to 1.
    if type(document["version"]) is not int or document["version"] != _VERSION:
        raise PeerEntryError(f"the file is not of version {_VERSION}")
    if not isinstance(document["peers"], list):
        raise PeerEntryError("`peers` is not a list")
    peers = []
    for number, entry in enumerate(document["peers"], 1):
        try:
            peers.append(_peer(entry))
        except (PeerEntryError, MistypedError) as error:
            raise PeerEntryError(f"peer {number}: {error}") from error
    return KnownPeers(tuple(peers))


def _peer(entry: object) -> Peer:
    if not isinstance(entry, dict) or entry.keys() != _FIELDS:
        raise PeerEntryError(f"an entry has the fields {', '.join(sorted(_FIELDS))}")
    name, fingerprint, address = entry["name"], entry["fingerprint"], entry["address"]
    if not isinstance(name, str) or not isinstance(fingerprint, str):
        raise PeerEntryError("`name` and `fingerprint` are texts")
    if address is not None and not isinstance(address, str):
        raise PeerEntryError("`address` is a text or null")
    if not isinstance(entry["allow_classical"], bool):
        raise PeerEntryError("`allow_classical` is true or false")
    return Peer(
        name=name,
        fingerprint=fingerprints.read(fingerprint),
        address=None if address is None else Address.parse(address),
        allow_classical=entry["allow_classical"],
    )


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise PeerEntryError("a field occurs twice")
    return fields


def _no_constant(name: str) -> object:
    raise PeerEntryError(f"{name} is no value")
