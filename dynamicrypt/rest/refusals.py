"""Errors that the interface itself has for its callers, beside those of the node below it."""

from __future__ import annotations

from math import ceil

from dynamicrypt.errors import DynamiCryptError, LocalError


class ScopeError(LocalError):
    """The token may not do this. Use one with the scope that the operation names."""

    code = "scope_missing"


class RateLimitedError(LocalError):
    """The token asks more often than it may. Wait as long as Retry-After says, and batch."""

    code = "rate_limited"

    def __init__(self, message: str, *, rate: float, wait: float) -> None:
        super().__init__(message)
        #: Seconds until the next request is allowed.
        self.wait = wait
        #: What tells the limit to programs (draft-ietf-httpapi-ratelimit-headers).
        self.headers = (
            (b"RateLimit-Policy", b'"requests";q=%d;w=1' % max(1, rate)),
            (b"RateLimit", b'"requests";r=0;t=%d' % ceil(wait)),
        )


class IdempotencyMismatchError(LocalError, ValueError):
    """The idempotency key came with another request before. Take a new key for a new request."""

    code = "idempotency_mismatch"


class IdempotencyInFlightError(LocalError):
    """The first request with this idempotency key is not answered yet. Ask again in a moment."""

    code = "idempotency_in_flight"


class TooManyStreamsError(LocalError):
    """As many event streams are open as may be. Close one, or listen to one for all."""

    code = "too_many_streams"


class NoSuchPageError(LocalError):
    """There is no such path. Compare it with /v2/openapi.json; names are percent-encoded."""

    code = "not_found"


class MethodError(LocalError):
    """The path does not have this method. The header Allow names those that it has."""

    code = "method_not_allowed"

    def __init__(self, allow: bytes) -> None:
        super().__init__(f"the path has {allow.decode('ascii')}")
        #: The methods that the path has, as in the header.
        self.allow = allow


class ForeignHostError(LocalError):
    """The Host is not this machine. Use localhost or a loopback address in the URL."""

    code = "foreign_host"


class ForeignOriginError(LocalError):
    """A web page of another origin asks. Let a program on this machine ask instead."""

    code = "foreign_origin"


class ContentTypeError(LocalError):
    """The content type is not what the route reads. Send application/json; bytes to a stream."""

    code = "bad_content_type"


class TooSlowError(LocalError):
    """The client was too slow. Send a request at once; with a stream read and write together."""

    code = "too_slow"


class InternalError(DynamiCryptError):
    """A fault of the node itself. Its log tells the kind and the place: please report them."""

    code = "internal_error"
