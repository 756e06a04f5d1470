"""The OpenAPI 3.1 description of REST v2, made from the route table and the shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from dynamicrypt import __version__
from dynamicrypt.rest.operation import MAX_WAIT, Operation
from dynamicrypt.rest.problem import KINDS
from dynamicrypt.rest.schema import Schema, describe, parts_of
from dynamicrypt.rest.tokens import Scope
from dynamicrypt.rest.v2_shapes import MAX_CONTEXT, MAX_NAME, NAME_PATTERN, Problem, Readiness

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_BYTES: Final = "application/octet-stream"
_TEXT: Final = "text/plain; charset=utf-8"

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
_WAIT_PARAMETER: Final = {
    "name": "wait",
    "in": "query",
    "description": f"How long to wait for a key: 2s or 500ms, up to {MAX_WAIT:g}s.",
    "schema": {"type": "string", "pattern": "^(?:(?:[0-9]|[12][0-9]|30)s|[0-9]{1,4}ms)$"},
    "example": "2s",
}
_KEY_PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Asked again with the same key, the answer is the same, for 60 s.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[!-~](?:[ -~]*[!-~])?$",
    },
}
_CONTEXT_PARAMETER: Final = {
    "name": "DynamiCrypt-Context",
    "in": "header",
    "description": f"Context of the stream in base64, {MAX_CONTEXT} bytes at most.",
    "schema": {
        "type": "string",
        "contentEncoding": "base64",
        "pattern": "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    },
}

#: Problems of every operation that asks for a token, and of those with a body.
_ALWAYS: Final = (
    "foreign_host",
    "foreign_origin",
    "auth_required",
    "rate_limited",
    "too_large",
    "internal_error",
)
_WITH_BODY: Final = ("malformed_body", "invalid_request", "bad_content_type")

_ABOUT: Final = (
    "Two hosts keep tree parity machines in step and never run out of matching fresh keys."
    " Applications encrypt and decrypt with them, or fetch them. The interface is for programs on"
    " the same machine."
)


def openapi(operations: Sequence[Operation]) -> bytes:
    """The description, as JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        item = paths.setdefault("/v2" + operation.path, {})
        item[operation.method.lower()] = _operation(operation)
    shapes = {Problem, Readiness}
    for operation in operations:
        for shape in (operation.takes, *operation.gives):
            if shape is not None:
                shapes |= {shape, *parts_of(shape)}
    inputs = {
        part
        for operation in operations
        if operation.takes is not None
        for part in (operation.takes, *parts_of(operation.takes))
    }
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "DynamiCrypt",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths | _others(),
        "components": {
            "schemas": {
                shape.__name__: describe(shape, exact=shape in inputs)
                for shape in sorted(shapes, key=lambda shape: shape.__name__)
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of this node, with the scope that is named.",
                }
            },
        },
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": [{"token": []}],
        "parameters": _path_parameters(operation.path),
    }
    about = operation.description
    if operation.scope is not None:
        about = f"{about} Needs the scope `{operation.scope.value}`.".strip()
    if about:
        described["description"] = about
    problems = [*_ALWAYS, *operation.problems]
    if operation.takes is not None:
        problems += _WITH_BODY
        described["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": _ref(operation.takes)}},
        }
    if operation.method == "POST":
        problems.append("bad_content_type")
    if operation.waits:
        problems.append("invalid_request")
        described["parameters"].append(_WAIT_PARAMETER)
    if operation.idempotent:
        problems += ["invalid_request", "idempotency_mismatch", "idempotency_in_flight"]
        described["parameters"].append(_KEY_PARAMETER)
    if operation.scope is not None:
        problems.append("scope_missing")
    if "{key_id}" in operation.path:
        problems.append("invalid_request")
    described["responses"] = _successes(operation) | _responses(problems)
    return described


def _successes(operation: Operation) -> dict[str, Any]:
    if not operation.gives:
        return {str(status): {"description": "Done."} for status in operation.statuses}
    refs = [_ref(shape) for shape in operation.gives]
    schema = refs[0] if len(refs) == 1 else {"anyOf": refs}
    about = {200: "Done.", 201: "Made."}
    return {
        str(status): {"description": about[status], "content": {_JSON: {"schema": schema}}}
        for status in operation.statuses
    }


def _responses(codes: Iterable[str]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(KINDS[code].status, []).append(code)
    return {
        str(status): {
            "description": "; ".join(f"`{code}`: {KINDS[code].title}" for code in codes_of),
            "content": {_PROBLEM: {"schema": _ref(Problem)}},
        }
        for status, codes_of in sorted(by_status.items())
    }


def _path_parameters(path: str) -> list[dict[str, Any]]:
    parameters = []
    for name in re.findall(r"\{(\w+)\}", path):
        schema, about = _ABOUT_NAMES[name]
        parameters.append(
            {"name": name, "in": "path", "required": True, "description": about, "schema": schema}
        )
    return parameters


def _ref(shape: type[DataclassInstance]) -> Schema:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}


def _answer(about: str, media: str, schema: Schema) -> dict[str, Any]:
    return {"200": {"description": about, "content": {media: {"schema": schema}}}}


def _others() -> dict[str, dict[str, Any]]:
    """Operations whose requests or answers are no JSON of ours, or that need no token."""
    open_to_all: list[dict[str, list[str]]] = []
    plain = _responses(("foreign_host", "foreign_origin", "too_large", "internal_error"))
    ready = {"content": {_JSON: {"schema": _ref(Readiness)}}}
    return {
        "/v2/events": {
            "get": {
                "operationId": "events",
                "summary": "What happens on the node, as server-sent events.",
                "description": "Events `key-ready`, `key-low`, `channel-up`, `channel-down`,"
                " `peer-up`, `peer-down`, and `gap` where some were missed. Ids rise; ask with"
                " Last-Event-ID to go on after one.",
                "security": [{"token": []}],
                "parameters": [
                    {
                        "name": "Last-Event-ID",
                        "in": "header",
                        "description": "Id of the last event that was seen.",
                        "schema": {"type": "string"},
                    }
                ],
                "responses": _answer("Events.", "text/event-stream", {"type": "string"})
                | _responses((*_ALWAYS, "too_many_streams")),
            }
        },
        **{
            f"/v2/services/{{service}}/channels/{{partner}}/stream/{verb}": {
                "post": _stream(verb, scope, codes)
            }
            for verb, scope, codes in (
                ("encrypt", Scope.ENCRYPT, ("no_key_yet",)),
                (
                    "decrypt",
                    Scope.DECRYPT,
                    (
                        "bad_ciphertext",
                        "unsupported_mode",
                        "wrong_channel",
                        "key_used",
                        "key_expired",
                        "unknown_key",
                    ),
                ),
            )
        },
        "/v2/openapi.json": {
            "get": {
                "operationId": "description",
                "summary": "This description.",
                "security": open_to_all,
                "responses": _answer("OpenAPI 3.1.", _JSON, {"type": "object"}) | plain,
            }
        },
        "/v2/problems/{code}": {
            "get": {
                "operationId": "problem",
                "summary": "The page of a problem, for people.",
                "security": open_to_all,
                "parameters": _path_parameters("{code}"),
                "responses": _answer("Text.", _TEXT, {"type": "string"})
                | plain
                | _responses(("not_found",)),
            }
        },
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "The node in numbers, for Prometheus.",
                "description": "Needs the scope `metrics`.",
                "security": [{"token": []}],
                "responses": _answer(
                    "Text of Prometheus.",
                    "text/plain; version=0.0.4; charset=utf-8",
                    {"type": "string"},
                )
                | _responses((*_ALWAYS, "scope_missing")),
            }
        },
        "/healthz": {
            "get": {
                "operationId": "health",
                "summary": "Whether the process is up.",
                "security": open_to_all,
                "responses": _answer("It is.", _TEXT, {"type": "string"}) | plain,
            }
        },
        "/readyz": {
            "get": {
                "operationId": "readiness",
                "summary": "Whether a link is up and a key ready.",
                "security": open_to_all,
                "responses": {
                    "200": {"description": "Ready.", **ready},
                    "503": {"description": "Not ready.", **ready},
                }
                | plain,
            }
        },
    }


def _stream(verb: str, scope: Scope, codes: Sequence[str]) -> dict[str, Any]:
    binary: dict[str, Schema] = {_BYTES: {"schema": {}}}
    return {
        "operationId": f"{verb}_stream",
        "summary": f"{verb.capitalize()} a body of any length, in constant memory.",
        "description": "The answer begins while the request is still being sent: read and write"
        f" at the same time. Needs the scope `{scope.value}`.",
        "security": [{"token": []}],
        "parameters": [
            *_path_parameters("{service}{partner}"),
            _CONTEXT_PARAMETER,
        ],
        "requestBody": {"required": True, "content": binary},
        "responses": {"200": {"description": "The stream.", "content": binary}}
        | _responses(
            (
                *_ALWAYS,
                "invalid_request",
                "bad_content_type",
                "scope_missing",
                "unknown_service",
                "unknown_channel",
                *codes,
            )
        ),
    }
