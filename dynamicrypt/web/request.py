"""Requests whose bodies are kept within bounds, and whose faults are told without detail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from twisted.python.failure import Failure
from twisted.web.server import Request

from dynamicrypt.web.body import LiveBody
from dynamicrypt.web.fault import log_fault
from dynamicrypt.web.host import Host
from dynamicrypt.web.refusals import InternalError
from dynamicrypt.web.reply import send


class Connection(Protocol):
    """What a request needs of its connection."""

    factory: Host


class BoundedRequest(Request):
    """A request whose answer is JSON unless a route says otherwise."""

    defaultContentType = b"application/json"
    #: Ends an answer that goes on for as long as the client listens; None for all others.
    end_answer: Callable[[], object] | None = None

    @property
    def _host(self) -> Host:
        """The site, which is there before twisted.web tells the request of it."""
        return cast("Connection", self.channel).factory

    @property
    def is_live(self) -> bool:
        """Whether its body is used up as it comes."""
        return isinstance(self.content, LiveBody)

    def begin(self, method: bytes, uri: bytes, version: bytes) -> None:
        """Know what is asked before the body is there."""
        self.method, self.uri, self.clientproto = method, uri, version
        self.path = uri.partition(b"?")[0]

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - twisted.web calls it
        """Make room for the body; raises BodyTooLargeError, RefusedEarlyError."""
        live = self._host.live_body(self)
        if live is None:
            super().gotLength(length)
        else:
            self.content = live

    def process(self) -> None:
        """Have it answered, if it is of the site as a whole (`*`), too: as a path that is nowhere.

        twisted.web would answer OPTIONS of that itself, to everybody, and name its version.
        """
        if self.path == b"*":
            self.path = b"/*"
        super().process()

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer 500 without detail; twisted.web would log the exception's message."""
        log_fault(reason)
        if self.channel is not None and not self.startedWriting:
            error = InternalError("a fault of the node")
            self.write(send(self, self._host.dialect.tell(error, self.path)))
            self.finish()
        return reason
