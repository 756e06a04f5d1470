"""The fast lane: requests that come for every message, answered past twisted.web and Klein.

twisted.web spends 40 µs on a request before anybody sees it, Klein another 35; sealing a message
takes five. What is taken here is a whole request in one piece, of the plainest form, for an
operation of the table; everything else goes the usual way, and a test compares the answers of both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

from dynamicrypt.access.tokens import credential_of
from dynamicrypt.web.guard import is_json, is_local
from dynamicrypt.web.reply import Ask, Reply

#: Answers at once.
Answer: TypeAlias = Callable[[Ask], object]
#: What answers a path, and the names in it; None for paths that go the usual way.
Find: TypeAlias = Callable[[bytes], "tuple[Answer, Mapping[str, str]] | None"]

_HEAD: Final = re.compile(
    rb"POST (/[!-$&->@-~]+) HTTP/1\.1((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*)+)"
)
#: Heads are longer only where somebody plays.
_MAX_HEAD: Final = 4096
_MAX_LINES: Final = 32
#: Headers that change how a request is read or answered: the usual way knows about them.
_SPECIAL: Final = frozenset({b"transfer-encoding", b"expect", b"origin", b"upgrade", b"te"})
#: Heads that are remembered: those of as many clients.
_REMEMBERED: Final = 1024


class _Head(NamedTuple):
    """What a head says, apart from its token, of which only the digest is kept."""

    answer: Answer
    names: Mapping[str, str]
    path: bytes
    credential: bytes | None
    idempotency_keys: list[bytes] | None
    length: int


class FastLane:
    """Reads requests and has them answered.

    `body` is the most bytes of one. Clients send the same head again and again, so what it says is
    remembered, under its SHA-256 for it holds a token.
    """

    def __init__(self, find: Find, *, body: int) -> None:
        self._find = find
        self._body = body
        self._heads: dict[bytes, _Head | None] = {}

    def answer(self, data: bytes, uid: int | None) -> Reply | None:
        """The answer to a request; None where it has to go the usual way, and nothing was done."""
        end = data.find(b"\r\n\r\n", 0, _MAX_HEAD)
        if end < 0:
            return None
        digest = sha256(data[:end]).digest()
        head = self._heads.get(digest, _UNKNOWN)
        if head is _UNKNOWN:
            if len(self._heads) >= _REMEMBERED:
                self._heads.clear()
            head = self._heads[digest] = self._read(data[:end])
        if head is None or len(data) != end + 4 + head.length:
            return None
        reply = head.answer(
            Ask(
                method=b"POST",
                path=head.path,
                credential=head.credential,
                uid=uid,
                body=data[end + 4 :],
                names=head.names,
                idempotency_keys=head.idempotency_keys,
            )
        )
        assert isinstance(reply, Reply), "who waits has a query"
        return reply

    def _read(self, head: bytes) -> _Head | None:
        match = _HEAD.fullmatch(head)
        if match is None:
            return None
        found = self._find(match[1])
        headers = _headers(match[2])
        if found is None or headers is None:
            return None
        length = headers.get(b"content-length", b"")
        plain = (
            is_local(headers.get(b"host", b""))
            and is_json(headers.get(b"content-type", b""))
            and headers.get(b"connection", b"keep-alive").lower() == b"keep-alive"
            and length.isdigit()
            and len(length) < 10
            and int(length) <= self._body
        )
        if not plain:
            return None
        authorization = headers.get(b"authorization")
        key = headers.get(b"idempotency-key")
        return _Head(
            answer=found[0],
            names=found[1],
            path=match[1],
            credential=credential_of(None if authorization is None else [authorization]),
            idempotency_keys=None if key is None else [key],
            length=int(length),
        )


_UNKNOWN: Final = _Head(lambda ask: None, {}, b"", None, None, 0)


def _headers(lines: bytes) -> dict[bytes, bytes] | None:
    """The headers by lower-case name; None if one comes twice or is special."""
    headers: dict[bytes, bytes] = {}
    count = 0
    for line in lines.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip(b" \t")
        count += 1
    if count != len(headers) or count > _MAX_LINES or not _SPECIAL.isdisjoint(headers):
        return None
    return headers
