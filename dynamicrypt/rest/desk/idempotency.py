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

from dynamicrypt.keys.limits import LATE_WINDOW
from dynamicrypt.rest.desk.refusals import IdempotencyInFlightError, IdempotencyMismatchError
from dynamicrypt.rest.desk.secret_pages import PAGE, Kept, SecretPages, pages_of
from dynamicrypt.rest.desk.shares import Place, Shares
from dynamicrypt.web.reply import Reply

#: Seconds for which an answer is kept: after that a message that was opened is too late, too.
KEPT: Final = LATE_WINDOW
#: Bytes of the answers that are kept, for all callers together; see Shares for who makes room.
MAX_BYTES: Final = 32 * 2**20
#: Bytes of answers that hold plaintexts or keys, in locked memory, of which a process may lock
#: 8 MiB on most systems; the largest answer is half of it.
SECRET_BYTES: Final = 2 * 2**20
#: Bytes that an answer takes beside its body and its key (measured with tracemalloc).
_OVERHEAD: Final = 768


class Clock(Protocol):
    """What is needed of a reactor."""

    def seconds(self) -> float:
        """Now."""

    def callLater(self, delay: float, call: Callable[..., object], /) -> IDelayedCall:
        """Call later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    digest: bytes
    until: float
    #: Without its body if that is secret.
    reply: Reply
    secret: Kept | None


class KeptAnswers:
    """Answers by caller and idempotency key.

    An answer is kept for KEPT seconds, unless memory would not do: then the caller that holds most
    makes room, so none pushes out what few answers another has. One that holds secrets lies in
    locked memory and is wiped when its time is over.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._secrets = SecretPages(SECRET_BYTES // PAGE)
        self._secret_shares = Shares(SECRET_BYTES // PAGE)
        self._shares = Shares(MAX_BYTES)
        #: Digests of the requests that are under way.
        self._under_way: dict[Place, bytes] = {}
        #: Oldest first. It is taken from at that end, and never walked through.
        self._answers: OrderedDict[Place, _Answer] = OrderedDict()
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
        kept = None
        if secret:
            pages = pages_of(len(reply.body))
            if not self._make_room(self._secret_shares, caller, pages):
                return
            body, reply = reply.body, reply._replace(body=b"")
        if not self._make_room(self._shares, caller, _size(key, reply)):
            return
        if secret:
            self._secret_shares.add(place, pages)
            kept = self._secrets.put(body)
        self._shares.add(place, _size(key, reply))
        until = self._clock.seconds() + KEPT
        self._answers[place] = _Answer(digest=digest, until=until, reply=reply, secret=kept)
        if self._sweep is None:
            self._sweep = self._clock.callLater(KEPT, self._expire)

    def forget(self, caller: str, key: bytes) -> None:
        """Let a request that is under way be as if it had not been made."""
        self._under_way.pop((caller, key), None)

    def _make_room(self, shares: Shares, caller: str, cost: int) -> bool:
        while not shares.fits(cost):
            place = shares.victim(caller, cost)
            if place is None:
                return False
            self._drop(place)
        return True

    def _drop(self, place: Place) -> None:
        answer = self._answers.pop(place)
        self._shares.remove(place, _size(place[1], answer.reply))
        if answer.secret is not None:
            self._secret_shares.remove(place, len(answer.secret[0]))
            self._secrets.wipe(answer.secret)

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
