"""Who may talk to a server on localhost: programs of this machine, and no web page of another.

Any page in a browser of this machine can send requests to a port on localhost. Three checks keep
it out, in the manner of Syncthing: the Host must be local (DNS rebinding shows the page's own
name), the Origin, if any, must be this server itself, and a POST must be JSON, which a page cannot
send to another origin unless that origin agrees (Fetch standard, CORS-safelisted request-header).
We never agree: no answer carries an Access-Control header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from twisted.web.server import Request

from dynamicrypt.errors import LocalError
from dynamicrypt.web.refusals import ContentTypeError, ForeignHostError, ForeignOriginError

#: host [":" port] of RFC 9110, section 7.2, with an IPv6 address in brackets.
_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9.-]{1,253}))(?::[0-9]{1,5})?")
_LOCAL_NAME: Final = re.compile(r"(?:[a-z0-9-]{1,63}\.)*localhost")

#: Methods that change nothing need no content type (RFC 9110, section 9.2.1).
_SAFE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})
#: What a page cannot send to another origin either, unless that agrees.
_BYTES: Final = b"application/octet-stream"


def refusal(request: Request, *, streams: bool, typed: bool) -> LocalError | None:
    """Why this request must not reach any route; None if it may.

    `streams` says that its path reads a stream, which has a content type of its own; `typed`, that
    a body has to have one. (v1 takes what has none, for its applications exist.)
    """
    headers = request.requestHeaders
    hosts = headers.getRawHeaders(b"Host")
    if hosts is None or len(hosts) != 1 or not is_local(hosts[0]):
        return ForeignHostError("host is not local")
    origins = headers.getRawHeaders(b"Origin")
    if origins is not None and not _is_own(origins, hosts[0]):
        return ForeignOriginError("origin is not this server")
    if request.method not in _SAFE:
        types = headers.getRawHeaders(b"Content-Type")
        if streams:
            if types is None or len(types) != 1 or _essence(types[0]) != _BYTES:
                return ContentTypeError("content type is not application/octet-stream")
        elif types is None:
            if typed and _has_body(request):
                return ContentTypeError("content type is missing")
        elif len(types) != 1 or not is_json(types[0]):
            return ContentTypeError("content type is not application/json")
    return None


@lru_cache(maxsize=64)
def is_local(host: bytes) -> bool:
    """Whether a Host value names this machine: localhost, *.localhost or a loopback address."""
    match = _HOST.fullmatch(host.decode("latin-1").lower())
    if match is None:
        return False
    six, name = match.groups()
    if name is not None and _LOCAL_NAME.fullmatch(name):
        return True
    try:
        return (IPv4Address(name) if six is None else IPv6Address(six)).is_loopback
    except ValueError:
        return False


def _is_own(origins: Sequence[bytes], host: bytes) -> bool:
    return len(origins) == 1 and origins[0].lower() == b"http://" + host.lower()


def _has_body(request: Request) -> bool:
    headers = request.requestHeaders
    return headers.hasHeader(b"Transfer-Encoding") or headers.getRawHeaders(
        b"Content-Length", [b"0"]
    ) != [b"0"]


def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type value is application/json, with whatever parameters."""
    return _essence(content_type) == b"application/json"


def _essence(content_type: bytes) -> bytes:
    """A media type without its parameters."""
    return content_type.partition(b";")[0].strip().lower()
