"""JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1) of the shapes."""

from __future__ import annotations

from dataclasses import Field, fields, is_dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, cast, get_args, get_origin, get_type_hints

from dynamicrypt.web.schema import BASE64, Constraint, Length, Schema, alternatives, has_default

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

#: Base64 with padding and without spaces.
BASE64_PATTERN: Final = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
#: What a Python type is in JSON.
_NAMES: Final = {str: "string", int: "integer", bool: "boolean", float: "number"}


def describe(shape: type[DataclassInstance], *, exact: bool) -> Schema:
    """The JSON Schema of a shape; shapes inside it are referred to, as OpenAPI's components.

    Fields with a default may be absent, and null in a request; with `exact` there are no others.
    Of a shape whose fields are all marked `free` only what they are is said: each of them is
    checked by who uses it.
    """
    hints = get_type_hints(shape, include_extras=True)
    schema: Schema = {
        "type": "object",
        "description": " ".join((shape.__doc__ or "").split()),
        "properties": {
            entry.name: _property(entry, hints[entry.name], null=exact and has_default(entry))
            for entry in fields(shape)
        },
    }
    if all(entry.metadata.get("free") for entry in fields(shape)):
        return schema
    required = [entry.name for entry in fields(shape) if not has_default(entry)]
    if required:
        schema["required"] = required
    if exact:
        schema["additionalProperties"] = False
    return schema


def parts_of(shape: type[DataclassInstance]) -> list[type[DataclassInstance]]:
    """The shapes that stand inside this one, at any depth."""
    inside: list[type[DataclassInstance]] = []
    for hint in get_type_hints(shape, include_extras=True).values():
        for kind, _ in alternatives(hint):
            for part in get_args(kind) if get_origin(kind) is list else (kind,):
                if is_dataclass(part):
                    shape_inside = cast("type[DataclassInstance]", part)
                    inside += [shape_inside, *parts_of(shape_inside)]
    return inside


def _property(entry: Field[Any], hint: Any, *, null: bool) -> Schema:
    if entry.metadata.get("free"):
        schema: Schema = {}
    else:
        schemas = [_kind_schema(kind, marks) for kind, marks in alternatives(hint)]
        if null:
            schemas.append({"type": "null"})
        names = [one.get("type") for one in schemas]
        if len(schemas) == 1:
            schema = schemas[0]
        elif all(names) and not any("enum" in one for one in schemas):
            schema = {key: value for one in schemas for key, value in one.items()} | {"type": names}
        else:
            schema = {"anyOf": schemas}
    if "about" in entry.metadata:
        schema["description"] = entry.metadata["about"]
    return schema


def _kind_schema(kind: Any, marks: tuple[Any, ...]) -> Schema:
    if kind is NoneType:
        return {"type": "null"}
    if get_origin(kind) is list:
        (of,) = get_args(kind)
        schema: Schema = {"type": "array", "items": _kind_schema(of, ())}
    elif is_dataclass(kind):
        return {"$ref": f"#/components/schemas/{cast('type', kind).__name__}"}
    elif BASE64 in marks:
        schema = {"type": "string", "contentEncoding": "base64", "pattern": BASE64_PATTERN}
    else:
        schema = {"type": _NAMES[kind]}
    for mark in marks:
        if isinstance(mark, Length) and BASE64 in marks:
            schema["maxLength"] = base64_length(mark.most)
        elif isinstance(mark, Constraint):
            schema |= mark.schema()
    return schema


def base64_length(size: int) -> int:
    """Characters of so many bytes."""
    return 4 * -(-size // 3)
