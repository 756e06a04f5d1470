"""What happens to errors that nobody expected: a log entry that quotes nothing."""

from __future__ import annotations

from traceback import extract_tb

from twisted.logger import Logger
from twisted.python.failure import Failure

_log = Logger()


def log_fault(failure: Failure) -> None:
    """Log the kind and the place of a fault.

    Messages of exceptions and URIs stay out of the log, for they quote what they stumbled over.
    """
    frames = extract_tb(failure.getTracebackObject())
    place = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-8:]))
    _log.critical("{kind} in a request, at {place}", kind=type(failure.value).__name__, place=place)
