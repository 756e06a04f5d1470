"""The OpenAPI 3.1 description of REST v2, made from the route table and the shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from dynamicrypt import __version__
from dynamicrypt.rest.desk.operation import Operation
from dynamicrypt.rest.openapi.json_schema import describe, parts_of
from dynamicrypt.rest.openapi.pages import pages
from dynamicrypt.rest.openapi.parts import (
    ALWAYS,
    JSON,
    KEY_PARAMETER,
    OF_OPERATIONS,
    WAIT_PARAMETER,
    path_parameters,
    problem_responses,
    reference,
)
from dynamicrypt.rest.shapes.problem import Problem
from dynamicrypt.rest.shapes.state import Readiness

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
        "paths": paths | pages(),
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
        "parameters": path_parameters(operation.path),
    }
    about = operation.description
    if operation.scope is not None:
        about = f"{about} Needs the scope `{operation.scope.value}`.".strip()
    if about:
        described["description"] = about
    problems = [*ALWAYS, *OF_OPERATIONS, *operation.problems]
    if operation.takes is not None:
        described["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": reference(operation.takes)}},
        }
    if operation.waits:
        described["parameters"].append(WAIT_PARAMETER)
    if operation.takes is not None or operation.waits:
        problems.append("bad_parameter")
    if operation.idempotent:
        problems += ["idempotency_mismatch", "idempotency_in_flight"]
        described["parameters"].append(KEY_PARAMETER)
    if operation.scope is not None:
        problems.append("scope_missing")
    described["responses"] = _successes(operation) | problem_responses(problems)
    return described


def _successes(operation: Operation) -> dict[str, Any]:
    if not operation.gives:
        return {str(status): {"description": "Done."} for status in operation.statuses}
    refs = [reference(shape) for shape in operation.gives]
    schema = refs[0] if len(refs) == 1 else {"anyOf": refs}
    about = {200: "Done.", 201: "Made."}
    return {
        str(status): {"description": about[status], "content": {JSON: {"schema": schema}}}
        for status in operation.statuses
    }
