"""What happens to errors that nobody expected: a log entry, and an answer that tells nothing."""

from __future__ import annotations

from traceback import extract_tb

from twisted.logger import Logger
from twisted.python.failure import Failure

from dynamicrypt.rest.reply import Reply
from dynamicrypt.rest.schema import encode
from dynamicrypt.rest.v1_shapes import Refused

_log = Logger()


def log_fault(failure: Failure) -> None:
    """Log the kind and the place of a fault.

    Messages of exceptions and URIs stay out of the log, for they quote what they stumbled over.
    """
    frames = extract_tb(failure.getTracebackObject())
    place = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-8:]))
    _log.critical("{kind} in a request, at {place}", kind=type(failure.value).__name__, place=place)


def internal_error(failure: Failure) -> Reply:
    """The 500 of v1, after the fault was logged."""
    log_fault(failure)
    return Reply(500, encode(Refused(error="internal error")), result="internal_error")
