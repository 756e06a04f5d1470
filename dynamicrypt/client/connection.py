"""One connection to the service, over TCP or a UNIX socket, on the standard library's http.client.

http.client sends head and body of a request apart; the service has a short way for requests that
arrive in one piece, so here they leave in one.
"""

from __future__ import annotations

import http.client
import socket
from typing import Any, Final, NamedTuple, Self

from dynamicrypt.client.errors import BadAnswerError, ServiceUnreachableError
from dynamicrypt.client.place import Place
from dynamicrypt.client.request import Request

#: Bytes of one answer; the service's are at most a few MiB.
MAX_ANSWER: Final = 32 * 2**20


class BrokenConnectionError(ServiceUnreachableError):
    """The connection broke before the answer was there. Check that the service still runs."""


class Answer(NamedTuple):
    """Status and body of an answer."""

    status: int
    body: bytes

    def __repr__(self) -> str:
        return f"Answer(status={self.status}, {len(self.body)} bytes)"


class Connection(http.client.HTTPConnection):
    """A connection that is opened by its first request, and kept.

    Everything that goes wrong is a ServiceUnreachableError, of the kind BrokenConnectionError
    if the service was there; the connection is closed then.
    """

    def __init__(self, place: Place, *, timeout: float) -> None:
        super().__init__(place.host, place.port or None, timeout=timeout)
        self.place = place
        self._patience = timeout
        self._held: list[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> None:
        """Open the connection; raises ServiceUnreachableError."""
        try:
            if self.place.socket is None:
                super().connect()
            else:
                self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.sock.settimeout(self.timeout)
                self.sock.connect(self.place.socket)
        except OSError as error:
            self.close()
            why = (error.strerror or str(error) or "no answer").lower()
            raise ServiceUnreachableError(f"no service at {self.place}: {why}") from None

    def send(self, data: Any) -> None:
        """Send the bytes, or hold them back while a request is put together."""
        if self._held is None:
            super().send(data)
        else:
            self._held.append(data)

    def ask(self, request: Request, *, wait: float = 0.0) -> Answer:
        """The answer to a request; the service may wait so many seconds for a key."""
        headers = request.headers(self.place.token)
        response = self._begin(request, headers, wait, self._patience + wait)
        if (response.length or 0) > MAX_ANSWER:
            self.close()
            raise BadAnswerError("the answer is too long")
        try:
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from None
        if response.will_close:
            self.close()
        return Answer(response.status, body)

    def open(
        self, request: Request, more: dict[str, str], *, silence: float
    ) -> http.client.HTTPResponse:
        """The begun answer to a request with `more` headers, to be read as it comes.

        Silence of so many seconds counts as a broken connection.
        """
        return self._begin(request, request.headers(self.place.token) | more, 0.0, silence)

    def _begin(
        self, request: Request, headers: dict[str, str], wait: float, patience: float
    ) -> http.client.HTTPResponse:
        self._held = []
        try:
            self.request(request.method, request.target(wait), request.body, headers)
            whole = b"".join(self._held)
        finally:
            self._held = None
        if self.sock is None:
            self.timeout = patience
            self.connect()
        try:
            self.sock.settimeout(patience)
            super().send(whole)
            return self.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> BrokenConnectionError:
        self.close()
        why = "no answer in time" if isinstance(error, TimeoutError) else "the connection broke"
        return BrokenConnectionError(f"{self.place}: {why}")
