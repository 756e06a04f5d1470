"""The file of the known peers: JSON, written by `dynamicrypt peer` and `dynamicrypt pair`.

People can read it:

    {"version": 1, "peers": [{"name": "berlin", "fingerprint": "…", "address": "host:port",
                              "allow_classical": false}]}

`address` is null for a peer that only dials us. Anything else in it is an error rather than
ignored: a mistyped `allow_classical` must not go unnoticed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from twisted.logger import Logger

from dynamicrypt.peer import fingerprint as fingerprints
from dynamicrypt.peer.errors import MistypedError, PeerEntryError, StateFileError
from dynamicrypt.peer.peers import Address, KnownPeers, Peer
from dynamicrypt.peer.statedir import FileVersion, StateDirectory

#: Its name in the state directory.
FILE: Final = "peers.json"

_VERSION: Final = 1
_FIELDS: Final = frozenset({"name", "fingerprint", "address", "allow_classical"})


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
