"""What connections and their requests need of the site that they belong to."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

from twisted.web.server import Request

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.web.body import LiveBody
from dynamicrypt.web.fast import FastLane
from dynamicrypt.web.head import ResponseWriter
from dynamicrypt.web.limits import Limits
from dynamicrypt.web.reply import Reply


class Dialect(Protocol):
    """How the errors of the HTTP below all routes are told: those of web.refusals, and 413."""

    def tell(self, error: DynamiCryptError, path: bytes) -> Reply:
        """The answer to who asked for the path."""

    def stalled(self, error: DynamiCryptError, path: bytes) -> Reply | None:
        """The answer to a client that was too slow; None to cut it without a word."""


class Host(Protocol):
    """A site, as its connections see it."""

    limits: Limits
    dialect: Dialect
    fast: FastLane
    writer: ResponseWriter
    #: Answers by status.
    answered: Counter[int]

    def live_body(self, request: Request) -> LiveBody | None:
        """The body of a request whose head has come, if it is to be used up as it comes.

        The request has its method and path by now. Raises RefusedEarlyError.
        """

    def connection_closed(self, connection: Any) -> None:
        """Count a connection out."""
