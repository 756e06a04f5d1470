"""Requests as routes see them, and their answers, whichever parser read and wrote the HTTP."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import BinaryIO, Final, NamedTuple, cast

from twisted.web.server import Request

from dynamicrypt.access.tokens import credential_of

JSON: Final = b"application/json"
TEXT: Final = b"text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request."""

    method: bytes
    #: As it was sent, without the query.
    path: bytes
    #: SHA-256 of the bearer token; None without one.
    credential: bytes | None
    #: User id of the process at the other end of a UNIX socket; None over TCP.
    uid: int | None = None
    body: bytes = field(default=b"", repr=False)
    #: The parts of the path that have names.
    names: Mapping[str, str] = field(default_factory=dict)
    #: Names of the parameters in the query.
    query: Collection[bytes] = field(default=(), repr=False)
    #: Values of `wait` in the query, and of the header Idempotency-Key, as they came.
    waits: Sequence[bytes] = ()
    idempotency_keys: Sequence[bytes] | None = None


class Reply(NamedTuple):
    """One answer."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    #: ok, or the code of the error that it tells; for the metrics.
    result: str = "ok"
    #: Whether something was done that must not be done twice, for who asks twice.
    lasting: bool = True

    def __repr__(self) -> str:
        return f"Reply(status={self.status}, result={self.result!r}, {len(self.body)} bytes)"


def phrase(status: int) -> bytes:
    """What the head of an answer says beside its status."""
    return HTTPStatus(status).phrase.encode("ascii")


def send(request: Request, reply: Reply) -> bytes:
    """Set status and headers and return the body, its length announced (else it goes in chunks)."""
    request.setResponseCode(reply.status, phrase(reply.status))
    for name, value in reply.headers:
        request.setHeader(name, value)
    if reply.status == 204:
        return b""
    request.setHeader(b"Content-Type", reply.content_type)
    request.setHeader(b"Content-Length", b"%d" % len(reply.body))
    return b"" if request.method == b"HEAD" else reply.body


def ask_of(request: Request, names: Mapping[str, str]) -> Ask:
    """A request that has arrived completely, as routes see it."""
    headers = request.requestHeaders
    return Ask(
        method=request.method,
        path=request.path,
        credential=credential_of(headers.getRawHeaders(b"Authorization")),
        uid=uid_of(request),
        body=cast("BinaryIO", request.content).read(),
        names=names,
        query=request.args,
        waits=request.args.get(b"wait", ()),
        idempotency_keys=headers.getRawHeaders(b"Idempotency-Key"),
    )


def uid_of(request: Request) -> int | None:
    """User id of the process at the other end of a UNIX socket; None over TCP."""
    uid: int | None = getattr(request.channel, "uid", None)
    return uid
