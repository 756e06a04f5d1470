"""The JSON shapes of REST v1.

The thesis fixed their names for applications that exist, so they stay as they are. Fields that a
shape does not have are ignored; of a field that comes twice the last one counts, as in every
common parser.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dynamicrypt.web.schema import InvalidRequestError

#: `operation` of Encrypt; every other number decrypts, as in the thesis' program.
ENCRYPT = 0
#: The peer protocols that a caller may name (docs/protocol.md).
WIRES = frozenset({1, 2})


def _require_wire(wire: int | None) -> None:
    if wire is not None and wire not in WIRES:
        raise InvalidRequestError("no such wire")


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """Register a service."""

    service_name: str
    wire: int | None = None

    def __post_init__(self) -> None:
        _require_wire(self.wire)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The name that the service got, and where its partners reach this node."""

    service_name: str
    address_of_this_tpm: str
    port_of_this_tpm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InitConfig:
    """Name the partner of a service."""

    service_name: str
    partner_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Dial the partner's node and start to synchronise."""

    service_name: str
    partner_name: str
    address_of_other_tpm: str
    port_of_other_tpm: int
    wire: int | None = None

    def __post_init__(self) -> None:
        _require_wire(self.wire)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Ask whether the machines of a service synchronise."""

    service_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Encrypt:
    """Encrypt or decrypt `message`; to decrypt takes the `hash` that came with the ciphertext."""

    service_name: str
    message: str = field(repr=False)
    operation: int
    mode: int
    hash: str | None = None

    def __post_init__(self) -> None:
        if self.operation != ENCRYPT and self.hash is None:
            raise InvalidRequestError("hash is missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A ciphertext, what must come back with it, and the mode that made it."""

    message: str
    hash: str
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A plaintext, and the mode that it was encrypted in."""

    message: str = field(repr=False)
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Leave: the service, its channels and its keys end."""

    service_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Whether it worked, or holds: 1 yes, 0 no."""

    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The service is gone."""

    status: str = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why not, in one word or two that applications compare."""

    error: str
