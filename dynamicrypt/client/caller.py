"""Calls of the service: connections that are kept, errors, and tries until patience ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dynamicrypt.client.answer import read_problem
from dynamicrypt.client.connection import Answer, BrokenConnectionError, Connection
from dynamicrypt.client.errors import (
    NoKeyYetError,
    ProblemError,
    UnknownChannelError,
    UnknownServiceError,
)
from dynamicrypt.client.patience import Patience
from dynamicrypt.client.place import Place
from dynamicrypt.client.request import MAX_WAIT, Request

#: Connections that are kept for the next call; the service keeps an idle one for a minute.
_KEPT: Final = 8
#: What the second of two equal DELETEs is told.
_GONE: Final = (UnknownServiceError, UnknownChannelError)


class Caller:
    """Asks the service; may be used by several threads at once.

    `find` gives the place anew for each connection, for a node that starts again may have another
    port. `patience` gives a fresh Patience for so many seconds, or for those of any call.
    """

    def __init__(
        self,
        find: Callable[[], Place],
        *,
        timeout: float,
        patience: Callable[[float | None], Patience],
    ) -> None:
        self._find = find
        self._timeout = timeout
        self._new_patience = patience
        self._idle: list[Connection] = []

    def call(self, request: Request, *, wait: float = 0.0) -> bytes:
        """The body of the answer of success; the service may wait so many seconds for a key.

        While the service says that waiting helps, and when the connection breaks, the request is
        sent again until patience ends: each means the same when it comes twice, by its nature or
        by its idempotency key. What was to be removed counts as removed where it is gone after a
        connection broke. Raises ClientError.
        """
        patience = self.new_patience()
        broke = False
        while True:
            try:
                return self._once(request, wait, broke=broke)
            except NoKeyYetError as error:
                # The service knows when a key comes: it is asked to wait, rather than again.
                again = bool(patience.left) and request.waits and not wait
                if not again and not patience.pause(error.retry_after or 0.0):
                    raise
                wait = min(patience.left, MAX_WAIT) if request.waits else 0.0
            except ProblemError as error:
                if error.retry_after is None or not patience.pause(error.retry_after):
                    raise
            except BrokenConnectionError:
                if not patience.pause():
                    raise
                broke = True

    def connect(self) -> Connection:
        """A connection for a use of its own."""
        return Connection(self._find(), timeout=self._timeout)

    def new_patience(self, seconds: float | None = None) -> Patience:
        """The patience for so many seconds; by default for those of any call."""
        return self._new_patience(seconds)

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().close()

    def _once(self, request: Request, wait: float, *, broke: bool) -> bytes:
        """One answer; `broke` says that the request may have been carried out before, unheard."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self.connect()
        else:
            try:
                return _body(self._use(connection, request, wait), request, broke=broke)
            except BrokenConnectionError:
                # It may have been closed while nobody used it, which says nothing about now.
                connection, broke = self.connect(), True
        return _body(self._use(connection, request, wait), request, broke=broke)

    def _use(self, connection: Connection, request: Request, wait: float) -> Answer:
        answer = connection.ask(request, wait=wait)
        if connection.sock is not None and len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            connection.close()
        return answer


def _body(answer: Answer, request: Request, *, broke: bool) -> bytes:
    """The body of an answer of success; raises the error of another one."""
    status, body = answer
    if 200 <= status < 300:
        return body
    error = read_problem(status, body)
    if broke and request.method == "DELETE" and isinstance(error, _GONE):
        return b""
    raise error
