"""The services and channels of REST v2, which outlive the process; their keys do not.

The file is JSON:

    {"version": 1, "services": [{"name": "shop", "owner": "owner",
                                 "channels": [{"partner": "bank", "peer": "…"}]}]}

`peer` is a fingerprint. Anything else in it is an error, so that nothing is lost when it is
written again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dynamicrypt.peer import fingerprint
from dynamicrypt.peer.errors import MistypedError, StateFileError
from dynamicrypt.peer.statedir import StateDirectory

#: The file in the state directory.
FILE: Final = "services.json"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedChannel:
    """A partner, and the fingerprint of its node."""

    partner: str
    peer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedService:
    """A service, who owns it, and its channels."""

    name: str
    owner: str
    channels: tuple[SavedChannel, ...]


class ServicesFile:
    """The file in the state directory."""

    def __init__(self, directory: StateDirectory) -> None:
        self._directory = directory

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._directory.path / FILE

    def load(self) -> list[SavedService]:
        """What was saved last; raises StateFileError for a file that does not hold just that."""
        try:
            content = self._directory.read(FILE)
        except FileNotFoundError:
            return []
        try:
            return decode(content)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StateFileError(f"{self.path}: {error}") from error

    def save(self, services: Iterable[SavedService]) -> None:
        """Replace what was saved."""
        self._directory.replace(FILE, encode(services))


def encode(services: Iterable[SavedService]) -> bytes:
    """The content of the file."""
    document = {
        "version": _VERSION,
        "services": [
            {
                "name": service.name,
                "owner": service.owner,
                "channels": [
                    {"partner": channel.partner, "peer": fingerprint.show(channel.peer)}
                    for channel in service.channels
                ],
            }
            for service in services
        ],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def decode(content: bytes) -> list[SavedService]:
    """The services of a file's content; raises ValueError, KeyError or TypeError."""
    document = json.loads(content)
    if not isinstance(document, dict) or document.keys() != {"version", "services"}:
        raise ValueError("the file must have `version` and `services` and nothing else")
    if document["version"] != _VERSION:
        raise ValueError(f"the file is not of version {_VERSION}")
    return [_service(number, entry) for number, entry in enumerate(document["services"], 1)]


def _service(number: int, entry: object) -> SavedService:
    try:
        channels = _exactly(entry, "name", "owner", "channels")["channels"]
        return SavedService(
            name=_text(entry, "name"),
            owner=_text(entry, "owner"),
            channels=tuple(
                SavedChannel(partner=_text(channel, "partner"), peer=_peer(channel))
                for channel in channels
            ),
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"service {number}: {error}") from error


def _exactly(entry: object, *fields: str) -> dict[str, list[object]]:
    if not isinstance(entry, dict) or entry.keys() != set(fields):
        raise ValueError(f"an entry has the fields {', '.join(fields)}")
    return entry


def _text(entry: object, field: str) -> str:
    value = entry.get(field) if isinstance(entry, dict) else None
    if not isinstance(value, str):
        raise TypeError(f"`{field}` is not a text")
    return value


def _peer(channel: object) -> bytes:
    _exactly(channel, "partner", "peer")
    try:
        return fingerprint.read(_text(channel, "peer"))
    except MistypedError as error:
        raise ValueError(f"`peer`: {error}") from error
