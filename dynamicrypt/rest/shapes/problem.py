"""The JSON shape of a problem."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why not (RFC 9457); `code` is the stable word that programs compare."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    advice: str
    instance: str | None = None
    retry_after_ms: int | None = None
