"""What happens to errors that nobody expected: a log entry, and an answer that tells nothing."""

from __future__ import annotations

from traceback import extract_tb

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from dynamicrypt.rest.fixed import error_answer

INTERNAL_ERROR = error_answer(500, "internal error")

_log = Logger()


def internal_error(request: Request, failure: Failure) -> bytes:
    """The body of a 500, after the fault was logged: its kind and place only.

    Messages of exceptions and URIs stay out of the log, for they quote what they stumbled over.
    """
    frames = extract_tb(failure.getTracebackObject())
    place = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-8:]))
    _log.critical("{kind} in a request, at {place}", kind=type(failure.value).__name__, place=place)
    return INTERNAL_ERROR.render(request)
