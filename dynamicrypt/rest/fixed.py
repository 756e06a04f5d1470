"""Answers that are the same for everyone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from twisted.web.resource import Resource
from twisted.web.server import Request

from dynamicrypt.errors import LocalError
from dynamicrypt.rest.problem import problem_reply
from dynamicrypt.rest.refusals import ContentTypeError, ForeignHostError, ForeignOriginError
from dynamicrypt.rest.reply import JSON, send
from dynamicrypt.rest.schema import encode
from dynamicrypt.rest.v1_shapes import Refused

TEXT = b"text/plain; charset=utf-8"


class FixedAnswer(Resource):
    """A status and a body, for every method."""

    isLeaf = True

    def __init__(self, status: int, body: bytes, content_type: bytes) -> None:
        super().__init__()
        self.status = status
        self.body = body
        self._content_type = content_type

    def render(self, request: Request) -> bytes:
        """Answer; without a body to HEAD, which twisted.web would complain about in the log."""
        request.setResponseCode(self.status)
        request.setHeader(b"Content-Length", b"%d" % len(self.body))
        request.setHeader(b"Content-Type", self._content_type)
        return b"" if request.method == b"HEAD" else self.body


def error_answer(status: int, error: str) -> FixedAnswer:
    """The status with `{"error": …}`."""
    return FixedAnswer(status, encode(Refused(error=error)), JSON)


#: What the thesis' program says where it has no route.
NO_ROUTE: Final = FixedAnswer(404, b"Could not find a matching route", TEXT)

_REFUSALS: Final[Mapping[type[LocalError], FixedAnswer]] = {
    ForeignHostError: error_answer(403, "host is not local"),
    ForeignOriginError: error_answer(403, "origin is not this server"),
    ContentTypeError: error_answer(415, "content type is not application/json"),
}


class Refusal(Resource):
    """The answer to a request that must not reach any route, in the dialect of its path."""

    isLeaf = True

    def __init__(self, error: LocalError) -> None:
        super().__init__()
        self._error = error

    def render(self, request: Request) -> bytes:
        """Answer."""
        if is_native(request.path):
            return send(request, problem_reply(self._error, request.path))
        return _REFUSALS[type(self._error)].render(request)


def is_native(path: bytes) -> bool:
    """Whether errors of this path are problems; all others keep the thesis' form."""
    return path.startswith(b"/v2/") or path in {b"/v2", b"/healthz", b"/readyz", b"/metrics"}
