"""Where the service is, and by which token it knows the caller.

What the caller says comes first, then the environment, then the state directory, where a running
node writes its port and the owner's token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from dynamicrypt.client.errors import PlaceError, ServiceUnreachableError
from dynamicrypt.location import PORTS_FILE, TOKEN_FILE, default_state_directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address of the service: a port of this machine, or else a UNIX socket."""

    host: str = "localhost"
    port: int = 0
    socket: str | None = None
    token: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.socket or f"{self.host} port {self.port}"


def find_place(
    environ: Mapping[str, str],
    *,
    url: str | None = None,
    token: str | None = None,
    socket: str | None = None,
    state_dir: Path | None = None,
) -> Place:
    """The place that the arguments, else the environment, else the state directory name.

    The variables are DYNAMICRYPT_URL, DYNAMICRYPT_SOCKET, DYNAMICRYPT_TOKEN and those of
    `default_state_directory`. An argument for the place outweighs both variables for it. Raises
    PlaceError for an address that cannot be meant, and ServiceUnreachableError if nothing names
    one and no node runs on the state directory.
    """
    if url is None and socket is None:
        url = environ.get("DYNAMICRYPT_URL") or None
        socket = environ.get("DYNAMICRYPT_SOCKET") or None
    directory = default_state_directory(environ) if state_dir is None else state_dir
    token = token or environ.get("DYNAMICRYPT_TOKEN") or _owner_token(directory)
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise PlaceError("the token holds characters that no token has")
    if socket is not None:
        if url is not None:
            raise PlaceError("both a URL and a socket are named")
        return Place(socket=socket, token=token)
    if url is None:
        return Place(host="127.0.0.1", port=running_port(directory), token=token)
    host, port = _read_url(url)
    return Place(host=host, port=port, token=token)


def _read_url(url: str) -> tuple[str, int]:
    """Host and port of a URL of this machine: to send a token elsewhere would give it away."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise PlaceError("the URL cannot be read") from None
    host = parts.hostname or ""
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme != "http" or not plain:
        raise PlaceError("a URL is `http://`, a host and a port, and nothing else")
    if not _is_local(host):
        raise PlaceError("the URL is not one of this machine")
    return host, 80 if port is None else port


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _owner_token(directory: Path) -> str | None:
    """The owner's token; None for who is not the owner."""
    try:
        return (directory / TOKEN_FILE).read_text("ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def running_port(directory: Path, purpose: str = "api") -> int:
    """The port of the node that runs on a state directory, for the API or for a `link`.

    A node that was killed may have left the ports of its past. Raises ServiceUnreachableError.
    """
    try:
        ports = json.loads((directory / PORTS_FILE).read_bytes())
        port = ports[purpose]
    except FileNotFoundError:
        raise ServiceUnreachableError(f"no service runs on {directory}") from None
    except (OSError, ValueError, LookupError, TypeError):
        raise ServiceUnreachableError(f"{directory / PORTS_FILE} cannot be read") from None
    if type(port) is not int or not 0 < port < 2**16:
        raise ServiceUnreachableError(f"{directory / PORTS_FILE} names no port")
    return port
