"""Requests of REST v2, as values: what goes over the wire, without the wire."""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from dynamicrypt.client.errors import BadParameterError
from dynamicrypt.errors import ParameterError

#: The longest that the service waits for a key before it answers (s).
MAX_WAIT: Final = 30.0
#: Items of one batch, and bytes of them in base64; the service reads bodies of 1 MiB.
MAX_ITEMS: Final = 256
MAX_BATCH_BYTES: Final = 900_000

JSON: Final = "application/json"

_KEY: Final = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `waits` says that the service can be asked to wait for a key.

    Raises ParameterError for an idempotency key of another form than the service takes.
    """

    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    waits: bool = False
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        key = self.idempotency_key
        if key is not None and _KEY.fullmatch(key) is None:
            raise ParameterError("an idempotency key is 1 to 255 visible characters")

    def target(self, wait: float = 0.0) -> str:
        """Path and query; `wait` in seconds."""
        return f"{self.path}?wait={max(1, int(wait * 1000))}ms" if wait > 0 else self.path

    def headers(self, token: str | None) -> dict[str, str]:
        """The header fields, which depend on nothing that changes from message to message.

        The service remembers a head that it has read before; an idempotency key makes it new.
        """
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if self.method != "GET":
            headers["Content-Type"] = JSON
        if self.idempotency_key is not None:
            headers["Idempotency-Key"] = self.idempotency_key
        return headers


def post(
    path: str,
    fields: Mapping[str, Any],
    *,
    key: str | None = None,
    waits: bool = False,
    spends: bool = True,
) -> Request:
    """A request that may come twice; what it spends is spent once, under its key."""
    return Request(
        method="POST",
        path=path,
        body=json_body(fields),
        waits=waits,
        idempotency_key=secrets.token_hex(16) if key is None and spends else key,
    )


def service_path(service: str) -> str:
    """The path of a service."""
    return f"/v2/services/{segment(service)}"


def channel_path(service: str, partner: str, rest: str = "") -> str:
    """The path of a channel, or one below it."""
    return f"{service_path(service)}/channels/{segment(partner)}{rest}"


def segment(name: str) -> str:
    """A name as one segment of a path; raises BadParameterError for an empty one."""
    if not name:
        raise BadParameterError("a name is empty", code=BadParameterError.code)
    return quote(name, safe="")


def octets(what: str, value: Any) -> bytes:
    """The value, which is what `what` names; raises TypeError unless it is bytes or alike."""
    if isinstance(value, bytes | bytearray | memoryview):
        return value  # type: ignore[return-value]  # what takes bytes here takes these, too
    more = "; encode the text first" if isinstance(value, str) else ""
    raise TypeError(f"{what} must be bytes, not {type(value).__name__}{more}")


def json_body(fields: Mapping[str, Any]) -> bytes:
    """A JSON object; bytes become base64, and what is None is left out."""
    return json.dumps(
        {name: value for name, value in fields.items() if value is not None},
        default=to_base64,
        separators=(",", ":"),
    ).encode()


def to_base64(data: bytes) -> str:
    """The bytes in base64 (RFC 4648, section 4)."""
    return b64encode(data).decode("ascii")


def batches(items: Sequence[Mapping[str, Any]], bytes_of: str) -> Iterator[list[Mapping[str, Any]]]:
    """The items, in order, in as many parts as the service takes at once.

    `bytes_of` names the field that makes an item long.
    """
    part: list[Mapping[str, Any]] = []
    size = 0
    for item in items:
        length = 4 * len(item[bytes_of]) // 3 + 2 * len(item.get("context", b"")) + 400
        if part and (len(part) == MAX_ITEMS or size + length > MAX_BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(item)
        size += length
    if part:
        yield part
