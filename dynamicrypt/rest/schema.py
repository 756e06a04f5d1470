"""The JSON shapes of REST v1: read strictly, written compactly.

A request or answer is a dataclass whose fields carry the names of the JSON fields. The thesis
fixed them for applications that exist, so they stay as they are. Fields that a shape does not
have are ignored; of a field that comes twice the last one counts, as in every common parser.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, TypeVar, get_args, get_type_hints

import orjson

from dynamicrypt.errors import LocalError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Shape = TypeVar("Shape", bound="DataclassInstance")

#: `operation` of Encrypt; every other number decrypts, as in the thesis' program.
ENCRYPT = 0
#: The peer protocols that a caller may name (DESIGN.md, section 5).
WIRES = frozenset({1, 2})


class MalformedBodyError(LocalError, ValueError):
    """The body of the request is not a JSON object. Send one, in UTF-8."""

    code = "malformed_body"


class InvalidRequestError(LocalError, ValueError):
    """A field is missing or of the wrong type. Compare the request with the API's reference."""

    code = "invalid_request"


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


def parse(shape: type[Shape], body: bytes) -> Shape:
    """The request or answer of this shape that a JSON body holds.

    Types are exact: true is no integer, 1.0 is none. A field that has a default may be absent or
    null. Raises MalformedBodyError where the body is not a JSON object, InvalidRequestError where
    a field is missing or ill-typed.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        # Not chained: that error keeps the whole body, which may hold plaintext.
        raise MalformedBodyError("not JSON") from None
    if type(given) is not dict:
        raise MalformedBodyError("not a JSON object")
    values = {}
    for name, kinds, optional in _rules(shape):
        value = given.get(name)
        if value is None and optional:
            continue
        if type(value) not in kinds:
            raise InvalidRequestError(f"{name} is missing or ill-typed")
        values[name] = value
    return shape(**values)


def encode(answer: DataclassInstance) -> bytes:
    """The JSON of a shape: fields in its order, no spaces, UTF-8."""
    return orjson.dumps(answer)


@cache
def _rules(shape: type[DataclassInstance]) -> tuple[tuple[str, tuple[type, ...], bool], ...]:
    """For each field of a shape its name, the types it may have, and whether it may be absent."""
    hints = get_type_hints(shape)
    rules = []
    for entry in fields(shape):
        hint = hints[entry.name]
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        rules.append((entry.name, kinds, entry.default is not MISSING))
    return tuple(rules)
