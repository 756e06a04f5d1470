"""Errors that the operations of the API have for their callers, beside those of the node."""

from __future__ import annotations

from dynamicrypt.errors import LocalError


class IdempotencyMismatchError(LocalError, ValueError):
    """The idempotency key came with another request before. Take a new key for a new request."""

    code = "idempotency_mismatch"


class IdempotencyInFlightError(LocalError):
    """The first request with this idempotency key is not answered yet. Ask again in a moment."""

    code = "idempotency_in_flight"


class TooManyStreamsError(LocalError):
    """As many event streams are open as may be. Close one, or listen to one for all."""

    code = "too_many_streams"
