"""In which words errors below all routes are told: by the path that was asked for."""

from __future__ import annotations

from typing import Final

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.rest.desk.problem import problem_reply
from dynamicrypt.rest.v1 import dialect as thesis
from dynamicrypt.web.reply import Reply

_PAGES: Final = frozenset({b"/", b"/v2", b"/healthz", b"/readyz", b"/metrics"})


class DialectByPath:
    """Problems (RFC 9457) where is_native says so, and the thesis' form for all other paths."""

    def tell(self, error: DynamiCryptError, path: bytes) -> Reply:
        """The answer to who asked for the path."""
        return problem_reply(error, path) if is_native(path) else thesis.tell(error)

    def stalled(self, error: DynamiCryptError, path: bytes) -> Reply | None:
        """The answer to a client that was too slow; the thesis' program had none."""
        return problem_reply(error, path) if is_native(path) else None


def is_native(path: bytes) -> bool:
    """Whether errors of this path are problems; all others keep the thesis' form."""
    return path.startswith(b"/v2/") or path in _PAGES
