"""JSON shapes: dataclasses that are read strictly, written compactly and described by JSON Schema.

The fields of a shape carry the names of the JSON fields. A field is a `str`, `int`, `bool`,
`float`, another shape, a list of any of these, one of these or None, or Base64, which is text in
JSON and bytes in a request. Annotated[…, Range(…)] and the like narrow it.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import orjson

from dynamicrypt.errors import LocalError, ParameterError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Shape = TypeVar("Shape", bound="DataclassInstance")
#: A JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1).
Schema: TypeAlias = dict[str, Any]


class MalformedBodyError(LocalError, ValueError):
    """The body of the request is not a JSON object. Send one, in UTF-8."""

    code = "malformed_body"


class InvalidRequestError(LocalError, ValueError):
    """A field is missing, unknown or ill-typed. Compare the request with the API's reference."""

    code = "invalid_request"


class _UnfitError(ValueError):
    """Why a value is no value of its field, to be said behind the field's name."""


class _OutsideError(ValueError):
    """Why a value is outside the range of its field, to be said behind the field's name."""


#: Kinds of values, for people.
_SAID: Final[Mapping[type, str]] = {
    str: "text",
    int: "an integer",
    bool: "true or false",
    float: "a number",
    list: "a list",
}


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the largest value of an integer."""

    least: int
    most: int

    def check(self, value: Any) -> None:
        """Refuse what lies outside."""
        if not self.least <= value <= self.most:
            raise _OutsideError(f"is outside {self.least}..{self.most}")

    def schema(self) -> Schema:
        """The keywords of JSON Schema."""
        return {"minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Length:
    """The most characters of a text, or items of a list; and the fewest."""

    most: int
    least: int = 0
    of: str = "Length"

    def check(self, value: Any) -> None:
        """Refuse what is longer or shorter."""
        if not self.least <= len(value) <= self.most:
            raise _OutsideError(f"has a length outside {self.least}..{self.most}")

    def schema(self) -> Schema:
        """The keywords of JSON Schema."""
        return {f"min{self.of}": self.least, f"max{self.of}": self.most}


@dataclass(frozen=True, slots=True)
class OneOf:
    """The values that a text may have."""

    values: tuple[str, ...]

    def check(self, value: Any) -> None:
        """Refuse all others."""
        if value not in self.values:
            raise _OutsideError(f"is none of {', '.join(self.values)}")

    def schema(self) -> Schema:
        """The keywords of JSON Schema."""
        return {"enum": list(self.values)}


Constraint: TypeAlias = Range | Length | OneOf


def Items(most: int, least: int = 1) -> Length:  # noqa: N802 - reads as the classes beside it
    """How many items a list may have."""
    return Length(most, least, "Items")


@dataclass(frozen=True, slots=True)
class _Base64Text:
    """Marks text that stands for bytes (RFC 4648, section 4)."""


#: The mark itself.
BASE64: Final = _Base64Text()
#: Bytes in a request, text in an answer, and base64 in JSON.
Base64 = Annotated[bytes, BASE64]
Base64Out = Annotated[str, BASE64]


def from_base64(text: object) -> bytes:
    """The bytes of a base64 text, padded and without spaces; raises ValueError."""
    if type(text) is not str:
        raise _UnfitError("is not text")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise _UnfitError("is not base64, padded and without spaces") from None


def to_base64(data: bytes | bytearray) -> str:
    """The base64 text of bytes."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


@dataclass(frozen=True, slots=True)
class Nothing:
    """A request without fields; its body may be absent, too."""


class _Rule(NamedTuple):
    """What one field takes."""

    name: str
    kinds: tuple[type, ...]
    optional: bool
    #: From the JSON value to the field's; None where they are the same.
    convert: Callable[[Any], Any] | None
    constraints: tuple[Constraint, ...]


def parse(shape: type[Shape], body: bytes, *, exact: bool = False) -> Shape:
    """The request or answer of this shape that a JSON body holds.

    Types are exact: true is no integer. A field that has a default may be absent or null. With
    `exact` what is read is what `describe` describes: fields that the shape does not have are
    refused, not ignored, and 1.0 is an integer. Raises MalformedBodyError where the body is not a
    JSON object, ParameterError for a value outside the range of its field, InvalidRequestError for
    the rest.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        # Not chained: that error keeps the whole body, which may hold plaintext.
        raise MalformedBodyError("not JSON" if body else "there is no body") from None
    if type(given) is not dict:
        raise MalformedBodyError("not a JSON object")
    return _build(shape, given, exact=exact)


def encode(answer: DataclassInstance) -> bytes:
    """The JSON of a shape: fields in its order, no spaces, UTF-8."""
    return orjson.dumps(answer)


def _build(shape: type[Shape], given: Mapping[str, object], *, exact: bool) -> Shape:
    values: dict[str, object] = {}
    present = 0
    for name, kinds, optional, convert, constraints in _rules(shape):
        value = given.get(name)
        if value is None and optional:
            present += name in given
            continue
        if exact and kinds == (int,) and type(value) is float and value.is_integer():
            value = int(value)  # an integer to JSON Schema, however it is written
        if type(value) not in kinds:
            fault = "missing" if value is None else f"not {_SAID[kinds[0]]}"
            raise InvalidRequestError(f"{name} is {fault}")
        present += 1
        try:
            if convert is not None:
                value = convert(value)
            for constraint in constraints:
                constraint.check(value)
        except _UnfitError as error:
            raise InvalidRequestError(f"{name} {error}") from None
        except _OutsideError as error:
            raise ParameterError(f"{name} {error}") from None
        values[name] = value
    if exact and present != len(given):
        known = ", ".join(rule.name for rule in _rules(shape))
        has = known or "no fields"
        raise InvalidRequestError(f"a field that this request does not have; it has {has}")
    return shape(**values)


@cache
def _rules(shape: type[DataclassInstance]) -> tuple[_Rule, ...]:
    hints = get_type_hints(shape, include_extras=True)
    return tuple(_rule(entry, hints[entry.name]) for entry in fields(shape))


def _rule(entry: Field[Any], hint: Any) -> _Rule:
    kinds: list[type] = []
    convert: Callable[[Any], Any] | None = None
    constraints: list[Constraint] = []
    for kind, marks in alternatives(hint):
        constraints += [mark for mark in marks if isinstance(mark, Constraint)]
        if BASE64 in marks:
            kinds.append(str)
            convert = from_base64
        elif get_origin(kind) is list:
            kinds.append(list)
            convert = _list_reader(*get_args(kind))
        elif kind is not NoneType:
            kinds.append(kind)
    return _Rule(entry.name, tuple(kinds), has_default(entry), convert, tuple(constraints))


def _list_reader(of: type) -> Callable[[list[object]], list[object]]:
    def read(values: list[object]) -> list[object]:
        wanted = dict if is_dataclass(of) else of
        if any(type(value) is not wanted for value in values):
            raise _UnfitError("has an item of the wrong type")
        return values

    return read


def alternatives(hint: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    """The types of a hint, each with its annotations."""
    if get_origin(hint) is Annotated:
        kind, *marks = get_args(hint)
        return [(inner, (*more, *marks)) for inner, more in alternatives(kind)]
    if get_origin(hint) in {Union, UnionType}:
        return [pair for part in get_args(hint) for pair in alternatives(part)]
    return [(hint, ())]


def has_default(entry: Field[Any]) -> bool:
    """Whether the field may be absent."""
    return entry.default is not MISSING or entry.default_factory is not MISSING
