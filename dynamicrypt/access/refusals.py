"""Why a caller is not let in, beside having no token at all."""

from __future__ import annotations

from math import ceil

from dynamicrypt.errors import LocalError


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
