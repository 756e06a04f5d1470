"""Heads of answers that are written without twisted.web's Request."""

from __future__ import annotations

import time
from typing import Final

from twisted.web.http import datetimeToString

from dynamicrypt.web.reply import Reply, phrase

#: Sent with every answer: keys and plaintexts belong in no cache, JSON is never anything else.
SECURITY_HEADERS: Final = b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"


class ResponseWriter:
    """Writes whole answers; what is equal from one to the next is put together once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._heads: dict[tuple[int, bytes], bytes] = {}

    def response(self, reply: Reply, extra: bytes = b"") -> bytes:
        """The bytes of an answer; `extra` are further header lines, each with its end."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._heads.clear()
        kind = reply.status, reply.content_type
        head = self._heads.get(kind)
        if head is None:
            head = self._heads[kind] = _head(*kind, now)
        for name, value in reply.headers:
            extra += b"%b: %b\r\n" % (name, value)
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (head, extra, len(reply.body), reply.body)


def _head(status: int, content_type: bytes, now: int) -> bytes:
    return b"HTTP/1.1 %d %b\r\n%bDate: %b\r\nContent-Type: %b\r\n" % (
        status,
        phrase(status),
        SECURITY_HEADERS,
        datetimeToString(now),
        content_type,
    )
