"""How often one caller may ask (a token bucket of one second)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dynamicrypt.access.refusals import RateLimitedError
from dynamicrypt.access.tokens import Token

#: Callers whose buckets are kept; a bucket that was dropped starts full again.
_MAX_BUCKETS: Final = 4096


class _Bucket:
    __slots__ = ("at", "left")

    def __init__(self, left: float, at: float) -> None:
        self.left = left
        self.at = at


class RateLimits:
    """Counts the requests of each caller; a second's worth may come at once."""

    def __init__(self, rate: float, seconds: Callable[[], float]) -> None:
        self._rate = rate
        self._seconds = seconds
        self._buckets: dict[str, _Bucket] = {}

    def take(self, token: Token) -> None:
        """Count one request; raises RateLimitedError, and counts nothing, where it is too many."""
        rate = self._rate if token.rate is None else token.rate
        now = self._seconds()
        bucket = self._buckets.get(token.id)
        if bucket is None:
            if len(self._buckets) >= _MAX_BUCKETS:
                self._buckets.clear()
            bucket = self._buckets[token.id] = _Bucket(rate, now)
        left = min(rate, bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        if left < 1.0:
            bucket.left = left
            wait = (1.0 - left) / rate
            raise RateLimitedError(f"{rate:g} requests a second are allowed", rate=rate, wait=wait)
        bucket.left = left - 1.0
