"""Problems (RFC 9457): what REST v2 answers when it cannot do what was asked.

One table maps the code of an error to its status and title; docs/problems.md is the page for
people, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Final, NamedTuple
from urllib.parse import quote

import orjson

from dynamicrypt.access.refusals import RateLimitedError
from dynamicrypt.access.tokens import CHALLENGE
from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.web.refusals import MethodError
from dynamicrypt.web.reply import Reply

PROBLEM_JSON: Final = b"application/problem+json"
#: Where the page of a problem is, on this server.
PAGES: Final = "/v2/problems/"


class Kind(NamedTuple):
    """What all problems of one code have in common."""

    status: int
    title: str
    #: What to do.
    advice: str
    #: Milliseconds after which another try makes sense; None where waiting does not help.
    retry_ms: int | None = None


KINDS: Final[Mapping[str, Kind]] = {
    "malformed_body": Kind(400, "The body is no JSON object", "Send one JSON object, in UTF-8."),
    "invalid_request": Kind(
        400,
        "A field or parameter is missing, unknown or ill-typed",
        "Compare the request with openapi.json.",
    ),
    "auth_required": Kind(
        401, "No valid token", "Send `Authorization: Bearer` with a token of this node."
    ),
    "scope_missing": Kind(
        403, "The token may not do this", "Use a token with the scope that is named."
    ),
    "foreign_host": Kind(
        403, "The Host is not this machine", "Use localhost or a loopback address in the URL."
    ),
    "foreign_origin": Kind(
        403, "A page of another origin asks", "Let a program on this machine ask instead."
    ),
    "not_found": Kind(
        404,
        "There is no such path",
        "Compare it with openapi.json; names in it are percent-encoded UTF-8.",
    ),
    "unknown_service": Kind(
        404, "The caller has no service of this name", "Create it with PUT; each token has its own."
    ),
    "unknown_channel": Kind(404, "The service has no channel to this partner", "Open it with PUT."),
    "unknown_peer": Kind(
        404,
        "No such node is known",
        "Pair with it, or name it as `dynamicrypt peer list` does.",
    ),
    "unknown_key": Kind(
        404,
        "The key is not known here",
        "Have the sender seal again: a process that ended took its keys along. Or it is of another"
        " channel, or of this side.",
    ),
    "method_not_allowed": Kind(
        405, "The path does not have this method", "The header Allow names those that it has."
    ),
    "too_slow": Kind(
        408,
        "The request did not come, or its answer was not read, in time",
        "Send a request within 20 s; read and write a stream at the same time.",
    ),
    "name_taken": Kind(
        409,
        "The name is taken",
        "Choose another: names are exact and unique. An administrator sees whose it is.",
    ),
    "too_many_services": Kind(
        409,
        "The node holds as many services or channels as it may",
        "Remove one that is not needed.",
    ),
    "channel_stopped": Kind(
        409,
        "The channel is stopped, and has no key left",
        "Start it with POST start, on the side that the detail names.",
    ),
    "profiles_differ": Kind(
        409,
        "The two nodes have different profiles",
        "Start both nodes with the same `--profile`; each one's is in its `GET /v2/status`.",
    ),
    "idempotency_in_flight": Kind(
        409, "The first request with this idempotency key is under way", "Ask again.", 200
    ),
    "key_used": Kind(
        410,
        "Opened before, or its key is used up",
        "If you have read it (or have the key), drop it: a replay, or a repeated request. If not,"
        " have the sender seal it again, or take another key.",
    ),
    "key_expired": Kind(410, "The message came too late", "Have the sender seal it again."),
    "too_large": Kind(413, "More than one operation takes", "Send it in parts, or as a stream."),
    "bad_content_type": Kind(
        415,
        "The content type is not what the operation reads",
        "Send application/json; for a stream application/octet-stream.",
    ),
    "bad_parameter": Kind(
        422, "A value is outside its range", "Use a value inside the range that is named."
    ),
    "unsupported_mode": Kind(
        422,
        "The operation does not have this mode",
        "Open streams as streams and pieces one by one; batches have modes 1 to 3.",
    ),
    "bad_ciphertext": Kind(
        422,
        "No envelope, changed on its way, or the context differs",
        "Compare the context; have the sender seal it again.",
    ),
    "wrong_channel": Kind(422, "The message was sealed on this side", "Let the partner open it."),
    "idempotency_mismatch": Kind(
        422,
        "The idempotency key came with another request",
        "Take a new idempotency key for each new request.",
    ),
    "rate_limited": Kind(
        429, "The token asks more often than it may", "Wait as Retry-After says, and batch."
    ),
    "too_many_streams": Kind(
        429, "As many event streams are open as may be", "Close one, or share one.", 5000
    ),
    "internal_error": Kind(500, "A fault of the node's program", "Its log tells more: report it."),
    "failed": Kind(
        500,
        "Something kept the node from doing it",
        "The detail says what; its log tells more.",
    ),
    "no_key_yet": Kind(
        503,
        "No key is ready yet",
        "Try again, or ask with `wait`: keys come all the time.",
        100,
    ),
    "not_opened": Kind(
        503,
        "The partner has not opened the channel",
        "Open it on the other side, with the two names exchanged; this side asks every 2 s.",
        2000,
    ),
    "peer_down": Kind(
        503,
        "There is no link to the partner's node",
        "Wait, where the detail says that it is dialled; else see that it runs and dials.",
        1000,
    ),
    "too_many_connections": Kind(
        503,
        "As many connections are open as may be",
        "Close one, or ask over one that is open.",
        1000,
    ),
    "stopping": Kind(
        503, "The node is being stopped", "Ask again when it has been started again.", 1000
    ),
    "too_many_pieces": Kind(
        503, "Too many messages wait for pieces", "Open the missing pieces, or wait.", 1000
    ),
    "storage_failed": Kind(
        507,
        "The node cannot write its state directory",
        "Nothing has changed. Make room on the node's disk, or make it writable, and ask again.",
    ),
}

#: Codes of what needs a key and finds none.
NO_KEY: Final = (
    "no_key_yet",
    "not_opened",
    "peer_down",
    "unknown_peer",
    "channel_stopped",
    "profiles_differ",
)


def problem_of(error: DynamiCryptError) -> dict[str, object]:
    """The members that tell an error, without the place where it happened."""
    code = error.code if error.code in KINDS else "failed"
    kind = KINDS[code]
    members: dict[str, object] = {
        "type": PAGES + code,
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": str(error) or kind.title,
        "advice": kind.advice,
    }
    retry_ms = ceil(error.wait * 1000) if isinstance(error, RateLimitedError) else kind.retry_ms
    if retry_ms is not None:
        members["retry_after_ms"] = retry_ms
    return members


def problem_reply(error: DynamiCryptError, path: bytes) -> Reply:
    """The answer that tells an error to who asked for the path."""
    members = problem_of(error)
    members["instance"] = quote(path, safe="/%~!$&'()*+,;=:@")
    headers: list[tuple[bytes, bytes]] = []
    retry_ms = members.get("retry_after_ms")
    if isinstance(retry_ms, int):
        headers.append((b"Retry-After", b"%d" % max(1, ceil(retry_ms / 1000))))
    if members["code"] == "auth_required":
        headers.append((b"WWW-Authenticate", CHALLENGE))
    if isinstance(error, RateLimitedError):
        headers += error.headers
    if isinstance(error, MethodError):
        headers.append((b"Allow", error.allow))
    code = str(members["code"])
    body = orjson.dumps(members)
    return Reply(KINDS[code].status, body, PROBLEM_JSON, tuple(headers), code)


def page(code: str) -> bytes | None:
    """The page of a code, for people; None for one that does not exist."""
    kind = KINDS.get(code)
    if kind is None:
        return None
    waiting = "" if kind.retry_ms is None else " Waiting helps."
    return f"{code} (status {kind.status})\n\n{kind.title}. {kind.advice}{waiting}\n".encode()
