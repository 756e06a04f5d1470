"""Answers that are the same for everyone."""

from __future__ import annotations

from twisted.web.resource import Resource
from twisted.web.server import Request

from dynamicrypt.rest.schema import Refused, encode

JSON = b"application/json"
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
NO_ROUTE = FixedAnswer(404, b"Could not find a matching route", TEXT)
