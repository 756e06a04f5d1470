"""A node that runs as a process, with two services that share a channel, and ways to talk to it."""

import hashlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from dynamicrypt.demo.daemon import Daemon

HOST = "127.0.0.1"
SHOP = "/v2/services/shop/channels/bank"
BANK = "/v2/services/bank/channels/shop"
#: Bytes of a read from a stream.
_READ = 256 * 1024


class RunningNode:
    """`shop` and `bank` belong to the owner's token; keys are ready."""

    def __init__(self, daemon: Daemon) -> None:
        self.port = daemon.api_port
        self.pid = daemon.pid
        self.token = (daemon.state / "token").read_text().strip()
        self.connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        fingerprint = self.ask("GET", "/v2/status")["fingerprint"]
        for name in ("shop", "bank"):
            self.ask("PUT", f"/v2/services/{name}")
        for path in (SHOP, BANK):
            self.ask("PUT", path, {"peer": fingerprint})
        for path in (SHOP, BANK):
            self.ask("GET", f"{path}?wait=10s")

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The content of the answer; RuntimeError for a problem."""
        content = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.connection.request(method, path, content, headers)
        response = self.connection.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer!r}")
        return json.loads(answer) if answer else None

    def stream(self, path: str, source: Iterator[bytes]) -> Iterator[bytes]:
        """The body of the answer, while the source is sent as the request's."""
        with socket.create_connection((HOST, self.port), timeout=60) as connection:
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n"
                "Content-Type: application/octet-stream\r\n"
                "Transfer-Encoding: chunked\r\n\r\n".encode()
            )
            sender = threading.Thread(target=_send, args=(connection.sendall, source), daemon=True)
            sender.start()
            response = http.client.HTTPResponse(connection)
            response.begin()
            if response.status != 200:
                raise RuntimeError(f"{path}: {response.read()!r}")
            while part := response.read1(_READ):
                yield part
            sender.join()

    def there_and_back(self, size: int, watch: Callable[[], object]) -> bool:
        """Whether so many bytes come back from a stream encrypted by one and read by the other."""
        sent, came = hashlib.sha256(), hashlib.sha256()

        def source() -> Iterator[bytes]:
            block = bytes(range(256)) * 1024
            for at in range(0, size, len(block)):
                part = block[: size - at]
                sent.update(part)
                yield part

        sealed = self.stream(SHOP + "/stream/encrypt", source())
        for number, part in enumerate(self.stream(BANK + "/stream/decrypt", sealed)):
            came.update(part)
            if number % 64 == 0:
                watch()
        return sent.digest() == came.digest()


def _send(send: Callable[[bytes], object], source: Iterator[bytes]) -> None:
    for part in source:
        send(b"%x\r\n%b\r\n" % (len(part), part))
    send(b"0\r\n\r\n")
