"""Services: the local applications that registered, by name and owner."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from dynamicrypt.errors import (
    NameTakenError,
    ParameterError,
    TooManyServicesError,
    UnknownServiceError,
)

#: Registered services of one node; each may hold a connection and a store of keys.
MAX_SERVICES: Final = 1024
#: Longest name in bytes; two of them and three numbers fit a line of wire 1.
MAX_NAME: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A service's name as registered, and where its partners reach this node."""

    name: str
    address: str
    port: int


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
    """One registered application. `wire` is that of its channels, `partner` the one of REST v1.

    A `persistent` one outlives the process.
    """

    name: str
    owner: str
    wire: int
    partner: str | None = None
    persistent: bool = False
    channels: dict[str, Channel] = field(default_factory=dict)

    @property
    def channel(self) -> Channel | None:
        """The channel of REST v1."""
        return self.channels.get(self.partner or "")

    def choose_wire(self, wire: int) -> None:
        """Use this wire from now on; channels of the other one are closed."""
        if self.wire != wire:
            self.part_all()
            self.wire = wire

    def choose_partner(self, partner: str) -> None:
        """Name the partner of REST v1; a channel with another one is closed.

        Raises ParameterError for a name that is too long.
        """
        partner = check_name(partner)
        if self.partner != partner:
            self.part(self.partner or "")
            self.partner = partner

    def part(self, partner: str) -> None:
        """Close the channel with this partner, if there is one."""
        channel = self.channels.pop(partner, None)
        if channel is not None:
            channel.close()

    def part_all(self) -> None:
        """Close every channel."""
        for partner in list(self.channels):
            self.part(partner)


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
        wanted = check_name(name, MAX_NAME - 6)
        free = wanted
        while not free or free in self._by_name:
            free = f"{wanted}{secrets.randbelow(900_000) + 100_000}"
        return self._add(free, owner, wire)

    def create(self, name: str, *, owner: str, wire: int) -> Service:
        """A new service of exactly this name.

        Raises ParameterError for a name that is empty or too long, NameTakenError and
        TooManyServicesError.
        """
        if not name or check_name(name) != name:
            raise ParameterError("a service name is 1 to 255 bytes without NUL")
        if name in self._by_name:
            raise NameTakenError("a service of this name is registered already")
        return self._add(name, owner, wire)

    def of(self, owner: str) -> list[Service]:
        """The services of this owner."""
        return [service for service in self if service.owner == owner]

    def find(self, name: str) -> Service | None:
        """The service of this name, for a partner that asks for it."""
        return self._by_name.get(name)

    def owned(self, name: str, owner: str) -> Service:
        """The owner's service of this name; raises UnknownServiceError."""
        service = self._by_name.get(name)
        if service is None or service.owner != owner:
            raise UnknownServiceError(f"no service {name!r} is registered by this caller")
        return service

    def remove(self, service: Service) -> None:
        """Forget the service and close its channels."""
        service.part_all()
        del self._by_name[service.name]

    def _add(self, name: str, owner: str, wire: int) -> Service:
        if len(self._by_name) >= MAX_SERVICES:
            raise TooManyServicesError(f"{MAX_SERVICES} services are registered")
        service = self._by_name[name] = Service(name=name, owner=owner, wire=wire)
        return service


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
