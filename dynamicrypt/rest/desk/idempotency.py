"""Answers that are given again to who asks again with the same idempotency key.

(draft-ietf-httpapi-idempotency-key-header.) A client whose connection broke does not know whether
its message was sealed or opened. Asked again under a new key it would burn a second pool key, or be
told that the first was used; so answers are kept for a while.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall

from dynamicrypt._core import SecretMemory
from dynamicrypt.keys.limits import LATE_WINDOW
from dynamicrypt.rest.desk.refusals import IdempotencyInFlightError, IdempotencyMismatchError
from dynamicrypt.web.reply import Reply

#: Seconds for which an answer is kept: after that a message that was opened is too late, too.
KEPT: Final = LATE_WINDOW
#: Answers that are kept, and their bytes, for all callers together; beyond that the oldest go.
MAX_ANSWERS: Final = 65_536
MAX_BYTES: Final = 32 * 2**20
#: Bytes of answers that hold plaintexts or keys, in locked memory, of which a process may lock
#: 8 MiB on most systems; the largest answer fits.
SECRET_BYTES: Final = 2 * 2**20
#: Bytes that an answer takes beside its body and its key (measured with tracemalloc).
_OVERHEAD: Final = 512


class Clock(Protocol):
    """What is needed of a reactor."""

    def seconds(self) -> float:
        """Now."""

    def callLater(self, delay: float, call: Callable[..., object], /) -> IDelayedCall:
        """Call later."""


class SecretRing:
    """Bytes in locked memory, first in first out; made when first needed."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._memory: SecretMemory | None = None
        self._head = 0
        self._parts: OrderedDict[int, int] = OrderedDict()

    def put(self, data: bytes) -> int | None:
        """Copy the bytes in and return their place; None where there is no room."""
        size = len(data)
        if not size or size > self._size:
            return None
        at = self._head
        tail = next(iter(self._parts), None)
        if tail is None:
            at = 0
        elif at > tail:
            if at + size > self._size:
                at = 0
                if size >= tail:
                    return None
        elif at + size >= tail:
            return None
        if self._memory is None:
            self._memory = SecretMemory(self._size)
        memoryview(self._memory)[at : at + size] = data
        self._parts[at] = size
        self._head = at + size
        return at

    def get(self, at: int) -> bytes:
        """A copy of the bytes at a place."""
        assert self._memory is not None
        return bytes(memoryview(self._memory)[at : at + self._parts[at]])

    def wipe(self, at: int) -> None:
        """Overwrite the bytes at a place, and free it."""
        assert self._memory is not None
        size = self._parts.pop(at)
        memoryview(self._memory)[at : at + size] = bytes(size)


#: A caller and its key.
_Place = tuple[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    digest: bytes
    until: float
    #: Without its body if that is secret.
    reply: Reply
    secret: int | None


class KeptAnswers:
    """Answers by caller and idempotency key.

    An answer is kept for KEPT seconds, unless so many younger ones came that memory would not do;
    one that holds secrets lies in locked memory and is wiped when its time is over.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._secrets = SecretRing(SECRET_BYTES)
        #: Digests of the requests that are under way.
        self._under_way: dict[_Place, bytes] = {}
        #: Oldest first. Both are taken from at that end: none may be walked through.
        self._answers: OrderedDict[_Place, _Answer] = OrderedDict()
        #: Those among them that hold secrets.
        self._secret: OrderedDict[_Place, None] = OrderedDict()
        self._bytes = 0
        self._sweep: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._under_way) + len(self._answers)

    def begin(self, caller: str, key: bytes, digest: bytes) -> Reply | None:
        """The answer that was given before; None if the request is new, and now under way.

        `digest` stands for all of the request. Raises IdempotencyMismatchError if it was another,
        IdempotencyInFlightError if it is under way already.
        """
        place = (caller, key)
        known = self._answers.get(place)
        if known is not None and known.until <= self._clock.seconds():
            self._drop(place)
            known = None
        first = self._under_way.get(place) if known is None else known.digest
        if first is None:
            self._under_way[place] = digest
            return None
        if first != digest:
            raise IdempotencyMismatchError("this key came with another request")
        if known is None:
            raise IdempotencyInFlightError("the first request is still under way")
        if known.secret is None:
            return known.reply
        return known.reply._replace(body=self._secrets.get(known.secret))

    def end(self, caller: str, key: bytes, reply: Reply, *, secret: bool) -> None:
        """Keep the answer to a request that is under way; only what succeeded is kept."""
        place = (caller, key)
        digest = self._under_way.pop(place, None)
        if digest is None or not reply.lasting or not 200 <= reply.status < 300:
            return
        at = None
        if secret:
            at = self._put_secret(reply.body)
            if at is None:
                return
            reply = reply._replace(body=b"")
            self._secret[place] = None
        until = self._clock.seconds() + KEPT
        self._answers[place] = _Answer(digest=digest, until=until, reply=reply, secret=at)
        self._bytes += _size(key, reply)
        while len(self._answers) > MAX_ANSWERS or self._bytes > MAX_BYTES:
            self._drop(next(iter(self._answers)))
        if self._sweep is None:
            self._sweep = self._clock.callLater(KEPT, self._expire)

    def forget(self, caller: str, key: bytes) -> None:
        """Let a request that is under way be as if it had not been made."""
        self._under_way.pop((caller, key), None)

    def _put_secret(self, body: bytes) -> int | None:
        while True:
            at = self._secrets.put(body)
            if at is not None or not self._secret:
                return at
            self._drop(next(iter(self._secret)))

    def _drop(self, place: _Place) -> None:
        answer = self._answers.pop(place)
        if answer.secret is not None:
            self._secrets.wipe(answer.secret)
            del self._secret[place]
        self._bytes -= _size(place[1], answer.reply)

    def _expire(self) -> None:
        self._sweep = None
        now = self._clock.seconds()
        while self._answers:
            place = next(iter(self._answers))
            until = self._answers[place].until
            if until > now:
                self._sweep = self._clock.callLater(until - now, self._expire)
                break
            self._drop(place)


def _size(key: bytes, reply: Reply) -> int:
    return len(key) + len(reply.body) + _OVERHEAD
