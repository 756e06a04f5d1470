"""A service that answers as a test tells it to, on real sockets of this machine."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.client import DynamiCrypt, node


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    #: Number of the connection.
    connection: int = 0

    @property
    def fields(self) -> Any:
        return json.loads(self.body)


#: What to answer; None hangs up.
Answer = Callable[[Asked], bytes | None]


def answer(status: int, document: object = None, *lines: str) -> bytes:
    body = b"" if document is None else json.dumps(document).encode()
    head = [f"HTTP/1.1 {status} X", "Content-Type: application/json", *lines]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


def problem(status: int, code: str, retry_after_ms: int | None = None) -> bytes:
    members: dict[str, object] = {"code": code, "detail": "because", "status": status}
    if retry_after_ms is not None:
        members["retry_after_ms"] = retry_after_ms
    return answer(status, members)


@dataclass
class FakeTime:
    """A clock that sleeping moves on."""

    now: float = 100.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class FakeService(threading.Thread):
    """Answers requests, one connection after the other."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(daemon=True)
        self.listener = listener
        self.asked: list[Asked] = []
        self.answers: list[bytes | Answer | None] = []
        self.connections = 0
        self._open: list[socket.socket] = []

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(
                target=self._serve, args=(connection, self.connections), daemon=True
            ).start()

    def close(self) -> None:
        """Hang up on everybody, and take no more calls."""
        self.leave()
        self.hang_up()

    def leave(self) -> None:
        """Take no more calls; closing alone would leave one to the thread that waits for it."""
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def hang_up(self) -> None:
        """Close the connections that there are."""
        while self._open:
            connection = self._open.pop()
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection, connection.makefile("rb") as file:
            try:
                while line := file.readline():
                    asked = self._read(line, file, number)
                    self.asked.append(asked)
                    following = self.answers.pop(0)
                    said = following(asked) if callable(following) else following
                    if said is None:
                        return
                    connection.sendall(said)
            except OSError:
                return

    @staticmethod
    def _read(line: bytes, file: Any, number: int) -> Asked:
        method, target, _ = line.decode().split(" ")
        headers = {}
        while (header := file.readline().decode().strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = file.read(int(headers.get("content-length", 0)))
        if "transfer-encoding" in headers:
            while size := int(file.readline() or b"0", 16):
                body += file.read(size + 2)[:-2]
            file.readline()
        return Asked(
            method=method,
            target=target,
            headers=headers,
            body=body,
            connection=number,
        )


class FakeServiceCase(SynchronousTestCase):
    """A fake service, a client of it, and a clock that nobody waits for."""

    def setUp(self) -> None:
        self.time = FakeTime()
        self.patch(node, "time", self.time)
        listener = socket.create_server(("127.0.0.1", 0))
        self.service = FakeService(listener)
        self.service.start()
        self.addCleanup(self.service.close)
        port = listener.getsockname()[1]
        self.client = DynamiCrypt(f"http://127.0.0.1:{port}", "dct_secret")
        self.addCleanup(self.client.close)
        self.channel = self.client.channel("shop", "bank")

    def says(self, *answers: bytes | Answer | None) -> None:
        """What the next requests get."""
        self.service.answers += answers
