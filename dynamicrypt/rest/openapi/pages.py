"""Operations whose requests or answers are no JSON of ours, or that need no token, for OpenAPI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dynamicrypt.access.tokens import Scope
from dynamicrypt.rest.desk.problem import NO_KEY
from dynamicrypt.rest.openapi.parts import (
    ALWAYS,
    BYTES,
    CONTEXT_PARAMETER,
    JSON,
    OF_ALL,
    SEALED_STREAM_HEADERS,
    STREAM_HEADERS,
    TEXT,
    WAIT_PARAMETER,
    path_parameters,
    problem_responses,
    reference,
)
from dynamicrypt.rest.shapes.state import Readiness
from dynamicrypt.web.schema import Schema


def _answer(about: str, media: str, schema: Schema) -> dict[str, Any]:
    return {"200": {"description": about, "content": {media: {"schema": schema}}}}


def pages() -> dict[str, dict[str, Any]]:
    """The paths."""
    open_to_all: list[dict[str, list[str]]] = []
    plain = problem_responses(OF_ALL)
    ready = {JSON: {"schema": reference(Readiness)}}
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
                | problem_responses((*ALWAYS, "too_many_streams")),
            }
        },
        **{
            f"/v2/services/{{service}}/channels/{{partner}}/stream/{verb}": {
                "post": _stream(verb, scope, codes)
            }
            for verb, scope, codes in (
                ("encrypt", Scope.ENCRYPT, NO_KEY),
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
                "responses": _answer("OpenAPI 3.1.", JSON, {"type": "object"}) | plain,
            }
        },
        "/v2/problems/{code}": {
            "get": {
                "operationId": "problem",
                "summary": "The page of a problem, for people.",
                "security": open_to_all,
                "parameters": path_parameters("{code}"),
                "responses": _answer("Text.", TEXT, {"type": "string"})
                | plain
                | problem_responses(("not_found",)),
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
                | problem_responses((*ALWAYS, "scope_missing")),
            }
        },
        "/": {
            "get": {
                "operationId": "front",
                "summary": "What is where.",
                "security": open_to_all,
                "responses": _answer("Text.", TEXT, {"type": "string"}) | plain,
            }
        },
        "/healthz": {
            "get": {
                "operationId": "health",
                "summary": "Whether the process is up.",
                "security": open_to_all,
                "responses": _answer("It is.", TEXT, {"type": "string"}) | plain,
            }
        },
        "/readyz": {
            "get": {
                "operationId": "readiness",
                "summary": "Whether all channels work that are to be open.",
                "security": open_to_all,
                "responses": plain
                | {
                    "200": {"description": "Ready.", "content": ready},
                    "503": {
                        "description": f"Not ready; or {plain['503']['description']}",
                        "content": ready | plain["503"]["content"],
                    },
                },
            }
        },
    }


def _stream(verb: str, scope: Scope, codes: Sequence[str]) -> dict[str, Any]:
    binary: dict[str, Schema] = {BYTES: {"schema": {}}}
    return {
        "operationId": f"{verb}_stream",
        "summary": f"{verb.capitalize()} a body of any length, in constant memory.",
        "description": "The answer begins while the request is still being sent: read and write"
        " at the same time. It is whole only if it ends as a chunked body ends; why one broke off,"
        f" `list_streams` tells. Needs HTTP/1.1 and the scope `{scope.value}`.",
        "security": [{"token": []}],
        "parameters": [
            *path_parameters("{service}{partner}"),
            CONTEXT_PARAMETER,
            *([WAIT_PARAMETER] if scope is Scope.ENCRYPT else []),
        ],
        "requestBody": {"required": True, "content": binary},
        "responses": {
            "200": {
                "description": "The stream.",
                "headers": SEALED_STREAM_HEADERS if scope is Scope.ENCRYPT else STREAM_HEADERS,
                "content": binary,
            }
        }
        | problem_responses(
            (
                *ALWAYS,
                "invalid_request",
                "bad_parameter",
                "too_slow",
                "bad_content_type",
                "scope_missing",
                "unknown_service",
                "unknown_channel",
                *codes,
            )
        ),
    }
