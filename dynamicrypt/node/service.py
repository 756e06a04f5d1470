"""Services: the local applications that registered, by name and owner."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from dynamicrypt.errors import ParameterError, TooManyServicesError, UnknownServiceError

#: Registered services of one node; each may hold a connection and a store of keys.
MAX_SERVICES: Final = 1024
#: Longest name in bytes; two of them and three numbers fit a line of wire 1.
MAX_NAME: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedMessage:
    """A ciphertext and the hash that travels beside it, both text, and the name of the key."""

    message: str
    hash: str
    key: str


class Channel(Protocol):
    """What a service shares with its partner, whichever wire makes the keys."""

    @property
    def partner(self) -> str:
        """Name of the service at the other end."""

    @property
    def live(self) -> bool:
        """Whether machines synchronise now."""

    def encrypt(self, text: str, mode: int) -> SealedMessage:
        """Seal for the partner; raises NoKeyYetError, UnsupportedModeError."""

    def decrypt(self, message: str, hash_: str, mode: int) -> str:
        """Open what the partner sealed; raises a leaf that says why it cannot be."""

    def close(self) -> None:
        """End it, and erase the keys."""


@dataclass(slots=True, kw_only=True, eq=False)
class Service:
    """One registered application. `wire` and `partner` are those of its v1 channel."""

    name: str
    owner: str
    wire: int
    partner: str | None = None
    channel: Channel | None = None

    def part(self) -> None:
        """Close the channel."""
        channel, self.channel = self.channel, None
        if channel is not None:
            channel.close()


class Services:
    """The services of a node. To anybody but its owner a service does not exist."""

    def __init__(self) -> None:
        self._by_name: dict[str, Service] = {}

    def __iter__(self) -> Iterator[Service]:
        return iter(list(self._by_name.values()))

    def register(self, name: str, *, owner: str, wire: int) -> Service:
        """A new service; a name that is taken or empty gets digits appended.

        Raises ParameterError for a name that is too long, and TooManyServicesError.
        """
        if len(self._by_name) >= MAX_SERVICES:
            raise TooManyServicesError(f"{MAX_SERVICES} services are registered")
        wanted = check_name(name, MAX_NAME - 6)
        free = wanted
        while not free or free in self._by_name:
            free = f"{wanted}{secrets.randbelow(900_000) + 100_000}"
        service = self._by_name[free] = Service(name=free, owner=owner, wire=wire)
        return service

    def owned(self, name: str, owner: str) -> Service:
        """The owner's service of this name; raises UnknownServiceError."""
        service = self._by_name.get(name)
        if service is None or service.owner != owner:
            raise UnknownServiceError("no such service is registered by this caller")
        return service

    def wanted(self, name: str, *, by: str, wire: int) -> Service | None:
        """The service that a partner asks for over a wire, if it is configured for that partner."""
        service = self._by_name.get(name)
        if service is None or service.partner != by or service.wire != wire:
            return None
        return service

    def remove(self, service: Service) -> None:
        """Forget the service and close its channel."""
        service.part()
        del self._by_name[service.name]


def check_name(name: str, most: int = MAX_NAME) -> str:
    """The name up to its first NUL, where names of the 2019 program end.

    Raises ParameterError if it is longer than `most` bytes or cannot be encoded.
    """
    name = name.partition("\0")[0]
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise ParameterError("a service name with half a surrogate pair") from None
    if size > most:
        raise ParameterError(f"a service name of {size} bytes; {most} are allowed")
    return name
