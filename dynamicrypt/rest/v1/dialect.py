"""What REST v1 says of requests that reach no route of it, in the words of the thesis' program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from twisted.python.failure import Failure

from dynamicrypt.errors import DynamiCryptError, MessageTooLargeError, StoppingError
from dynamicrypt.rest.v1.shapes import Refused
from dynamicrypt.web.fault import log_fault
from dynamicrypt.web.refusals import (
    ContentTypeError,
    ForeignHostError,
    ForeignOriginError,
    InternalError,
    NoSuchPageError,
    TooManyConnectionsError,
)
from dynamicrypt.web.reply import TEXT, Reply
from dynamicrypt.web.schema import encode


def _refused(status: int, error: str) -> Reply:
    return Reply(status, encode(Refused(error=error)))


NO_ROUTE: Final = Reply(404, b"Could not find a matching route", TEXT)
_FAULT: Final = _refused(500, "internal error")._replace(result="internal_error")
_SAID: Final[Mapping[type[DynamiCryptError], Reply]] = {
    ForeignHostError: _refused(403, "host is not local"),
    ForeignOriginError: _refused(403, "origin is not this server"),
    NoSuchPageError: NO_ROUTE,
    MessageTooLargeError: _refused(413, "request is too large"),
    StoppingError: _refused(503, "stopping"),
    TooManyConnectionsError: _refused(503, "too many connections"),
    ContentTypeError: _refused(415, "content type is not application/json"),
    InternalError: _FAULT,
}


def tell(error: DynamiCryptError) -> Reply:
    """The answer that tells an error of the HTTP below all routes."""
    return _SAID[type(error)]


def internal_error(failure: Failure) -> Reply:
    """The answer to a fault, after it was logged."""
    log_fault(failure)
    return _FAULT
