"""Load on an HTTP server: wrk where there is one, else a loader of our own, which is slower."""

from __future__ import annotations

import json
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"

_SCRIPT = """
local bodies, at = {{}}, 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
function init(args)
  for body in io.lines({file}) do
    bodies[#bodies + 1] = wrk.format(nil, {path}, nil, body)
  end
end
function request()
  at = at % #bodies + 1
  return bodies[at]
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("figures %d %d %d %d %d\\n", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status,
    latency:percentile(50), latency:percentile(99)))
end
"""
_FIGURES = re.compile(r"^figures (\d+) (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Requests a second, how many failed in all, and latencies in milliseconds."""

    rate: float
    failed: int
    median_ms: float
    p99_ms: float


def load(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    *,
    token: str,
    connections: int,
    seconds: float,
) -> Outcome:
    """Post the bodies, one after the other and over again, on so many connections."""
    if shutil.which("wrk") is None:
        return _own(port, path, bodies, token=token, connections=connections, seconds=seconds)
    with tempfile.TemporaryDirectory() as directory:
        file, script = Path(directory, "bodies"), Path(directory, "load.lua")
        file.write_bytes(b"".join(body + b"\n" for body in bodies))
        script.write_text(
            _SCRIPT.format(token=token, file=json.dumps(str(file)), path=json.dumps(path))
        )
        options = ["-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script)]
        ran = subprocess.run(
            ["wrk", *options, f"http://{HOST}:{port}{path}"],  # noqa: S607 - the person's own
            check=True,
            capture_output=True,
            text=True,
        )
    figures = _FIGURES.search(ran.stdout)
    if figures is None:
        raise RuntimeError(f"wrk says {ran.stdout}")
    requests, micros, failed, median, p99 = map(int, figures.groups())
    return Outcome(
        rate=requests / micros * 1e6, failed=failed, median_ms=median / 1e3, p99_ms=p99 / 1e3
    )


class _Connection:
    """One keep-alive connection with one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = 0.0
        self._answer = b""

    def send(self, request: bytes) -> None:
        self.began = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool | None:
        """Whether the answer is one of success; None while it is not all there."""
        self._answer += self.socket.recv(262_144)
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        if not blank:
            return None
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return None
        self._answer = b""
        return head[9:10] == b"2"


def _own(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    *,
    token: str,
    connections: int,
    seconds: float,
) -> Outcome:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {token}\r\nContent-Length: "
    requests = [b"%b%d\r\n\r\n%b" % (head.encode(), len(body), body) for body in bodies]
    waiting = select.epoll()
    open_ones: dict[int, _Connection] = {}
    for number in range(connections):
        connection = _Connection(port)
        open_ones[connection.socket.fileno()] = connection
        waiting.register(connection.socket.fileno(), select.EPOLLIN)
        connection.send(requests[number % len(requests)])
    sent, failed, latencies = connections, 0, []
    began = time.perf_counter()
    while (now := time.perf_counter()) < began + seconds:
        for descriptor, _ in waiting.poll(1.0):
            connection = open_ones[descriptor]
            fine = connection.receive()
            if fine is None:
                continue
            failed += not fine
            latencies.append(time.perf_counter() - connection.began)
            connection.send(requests[sent % len(requests)])
            sent += 1
    for connection in open_ones.values():
        connection.socket.close()
    waiting.close()
    latencies.sort()
    return Outcome(
        rate=len(latencies) / (now - began),
        failed=failed,
        median_ms=latencies[len(latencies) // 2] * 1e3,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1e3,
    )
