"""Pieces of an OpenAPI description that many operations have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from dynamicrypt.rest.desk.desk import MAX_WAIT
from dynamicrypt.rest.desk.idempotency import KEPT
from dynamicrypt.rest.desk.problem import KINDS
from dynamicrypt.rest.openapi.json_schema import BASE64_PATTERN, base64_length
from dynamicrypt.rest.shapes.messages import MAX_CONTEXT
from dynamicrypt.rest.shapes.names import MAX_NAME, NAME_PATTERN
from dynamicrypt.rest.shapes.problem import Problem
from dynamicrypt.web.schema import Schema

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
BYTES: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"

_NAME_SCHEMA: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME,
    "pattern": NAME_PATTERN,
}
_ABOUT_NAMES: Final = {
    "service": (_NAME_SCHEMA, "Name of a service of yours."),
    "partner": (_NAME_SCHEMA, "Name of the service at the other end."),
    "key_id": ({"type": "string", "format": "uuid"}, "Id of a key, in lower case."),
    "code": ({"type": "string"}, "Code of a problem."),
}
WAIT_PARAMETER: Final = {
    "name": "wait",
    "in": "query",
    "description": f"How long to wait for a key: 2s or 500ms, up to {MAX_WAIT:g}s.",
    "schema": {"type": "string", "pattern": "^(?:(?:[0-9]|[12][0-9]|30)s|[0-9]{1,4}ms)$"},
    "example": "2s",
}
KEY_PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": f"Asked again with the same key, the answer is the same, for {KEPT:g} s.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[!-~](?:[ -~]*[!-~])?$",
    },
}
CONTEXT_PARAMETER: Final = {
    "name": "DynamiCrypt-Context",
    "in": "header",
    "description": f"Context of the stream in base64, {MAX_CONTEXT} bytes at most.",
    "schema": {
        "type": "string",
        "contentEncoding": "base64",
        "maxLength": base64_length(MAX_CONTEXT),
        "pattern": BASE64_PATTERN,
    },
}
STREAM_HEADERS: Final = {
    "DynamiCrypt-Stream": {
        "description": "Id of the stream among those that `list_streams` gives.",
        "schema": {"type": "string"},
    }
}
SEALED_STREAM_HEADERS: Final = STREAM_HEADERS | {
    "DynamiCrypt-Expires-In": {
        "description": "For how many seconds, at least, the partner can begin to decrypt it.",
        "schema": {"type": "integer", "minimum": 0},
    }
}

#: Problems of every path, of all that ask for a token, and of every operation.
OF_ALL: Final = (
    "foreign_host",
    "foreign_origin",
    "too_large",
    "internal_error",
    "too_many_connections",
    "stopping",
)
ALWAYS: Final = (*OF_ALL, "auth_required", "rate_limited")
OF_OPERATIONS: Final = ("malformed_body", "invalid_request", "too_slow", "bad_content_type")


def problem_responses(codes: Iterable[str]) -> dict[str, Any]:
    """The answers of operations with problems of these codes."""
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(KINDS[code].status, []).append(code)
    return {
        str(status): {
            "description": "; ".join(f"`{code}`: {KINDS[code].title}" for code in codes_of),
            "content": {PROBLEM: {"schema": reference(Problem)}},
        }
        for status, codes_of in sorted(by_status.items())
    }


def path_parameters(path: str) -> list[dict[str, Any]]:
    """The parameters of a path with names in braces."""
    parameters = []
    for name in re.findall(r"\{(\w+)\}", path):
        schema, about = _ABOUT_NAMES[name]
        parameters.append(
            {"name": name, "in": "path", "required": True, "description": about, "schema": schema}
        )
    return parameters


def reference(shape: type[DataclassInstance]) -> Schema:
    """A reference to the schema of a shape."""
    return {"$ref": f"#/components/schemas/{shape.__name__}"}
