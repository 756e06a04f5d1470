"""Answers of the service, read into values: any bytes give a value or a ClientError.

Fields that a value does not have are passed over, for a younger service may send more.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from dynamicrypt.client.errors import BadAnswerError, ProblemError, problem

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
_Reader: TypeAlias = Callable[[object], object]

#: What is left of a text of the service that does not say what it should.
_SHOWN: Final = 200
#: No problem asks for more patience than a day.
_MAX_RETRY_MS: Final = 86_400_000


def read_answer(shape: type[T], body: bytes) -> T:
    """The value of a shape that the body holds; raises BadAnswerError."""
    return read_value(shape, read_object(body))


def read_value(shape: type[T], document: object) -> T:
    """The value of a shape that a JSON value stands for; raises BadAnswerError."""
    if not isinstance(document, dict):
        raise BadAnswerError(f"the answer holds no {shape.__name__}")
    values: dict[str, object] = {}
    for name, reader, optional in _fields(shape):
        if name in document:
            try:
                values[name] = reader(document[name])
            except (TypeError, ValueError):
                raise BadAnswerError(f"the answer has an ill-typed {name}") from None
        elif not optional:
            raise BadAnswerError(f"the answer lacks {name}")
    return shape(**values)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object that the body is; raises BadAnswerError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BadAnswerError("the answer is no JSON object")
    return document


def read_problem(status: int, body: bytes) -> ProblemError | BadAnswerError:
    """The error that an answer tells, whose status is not of success."""
    try:
        return problem_of(read_object(body), status)
    except BadAnswerError:
        return BadAnswerError(f"the answer is a {status} without a reason")


def problem_of(document: object, status: int = 0) -> ProblemError:
    """The error that a JSON value tells (RFC 9457); raises BadAnswerError."""
    if not isinstance(document, dict) or type(document.get("code")) is not str:
        raise BadAnswerError("the answer names no code")
    code, detail = document["code"], document.get("detail")
    told, advice = document.get("status"), document.get("advice")
    return problem(
        code[:_SHOWN],
        detail[:_SHOWN] if isinstance(detail, str) else code[:_SHOWN],
        status=told if not status and type(told) is int else status,
        retry_after=_seconds(document.get("retry_after_ms")),
        advice=advice[:_SHOWN] if isinstance(advice, str) else "",
    )


def _seconds(milliseconds: object) -> float | None:
    if type(milliseconds) is not int or not 0 <= milliseconds <= _MAX_RETRY_MS:
        return None
    return milliseconds / 1000


@cache
def _fields(shape: type[DataclassInstance]) -> tuple[tuple[str, _Reader, bool], ...]:
    hints = get_type_hints(shape)
    return tuple(
        (each.name, _reader(hints[each.name]), each.default is not MISSING)
        for each in fields(shape)
    )


def _reader(hint: Any) -> _Reader:
    """What reads a JSON value of a type; it raises TypeError or ValueError for another one."""
    if get_origin(hint) in {Union, UnionType}:
        (inner,) = (part for part in get_args(hint) if part is not NoneType)
        read = _reader(inner)
        return lambda value: None if value is None else read(value)
    if get_origin(hint) is tuple:
        read = _reader(get_args(hint)[0])
        return lambda value: tuple(map(read, _exactly(list, value)))
    if isinstance(hint, type) and is_dataclass(hint):
        return partial(read_value, hint)
    if hint is bytes:
        return lambda value: b64decode(_exactly(str, value), validate=True)
    if hint is float:
        return lambda value: float(value if type(value) is int else _exactly(float, value))
    return lambda value: _exactly(get_origin(hint) or hint, value)


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"no {kind.__name__}")
    return value
