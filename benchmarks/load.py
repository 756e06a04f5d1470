"""Load on an HTTP server: wrk where there is one, else a loader of our own, which is slower.

Both mean the same by their figures: a load is over when its last request is sent, and what is under
way then does not count; percentiles are those of `unstalled`.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
#: Which latencies an outcome has.
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
#: Seconds after which a load is over in any case, and after which wrk gives a request up.
_LONGEST, _PATIENCE = 600, 60

# The first request is asked for before the load, to see what it looks like. After the last one the
# thread stops, and who asks in the same turn gets what is no request. wrk itself would sleep on:
# who started it is told.
_SCRIPT = """
local requests, at = {{}}, -1
function init(args)
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer {token}"
  for body in io.lines({file}) do
    requests[#requests + 1] = wrk.format({method}, {path}, nil, body)
  end
end
function request()
  at = at + 1
  if at > {number} then
    wrk.thread:stop()
    io.write("over\\n")
    io.flush()
    return " "
  end
  return requests[math.max(at - 1, 0) % #requests + 1]
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("figures %d %d %d", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
  for _, percent in ipairs({{ {percentiles} }}) do
    io.write(string.format(" %d", latency:percentile(percent)))
  end
  io.write("\\n")
end
"""
_FIGURES = re.compile(r"^figures((?: \d+)+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many requests were answered in so many seconds, and how many of them failed.

    `latencies` are in milliseconds, by percentile.
    """

    answered: int
    failed: int
    seconds: float
    latencies: dict[float, float]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.answered / self.seconds


def load(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    *,
    token: str,
    connections: int,
    number: int | None = None,
    method: str = "POST",
) -> Outcome:
    """Send so many requests on so many connections, with the bodies one after the other.

    They begin over again where `number` is larger than theirs; without it each is sent once.
    """
    ask = _wrk if shutil.which("wrk") else _own
    return ask(
        port,
        path,
        bodies,
        token=token,
        connections=connections,
        number=len(bodies) if number is None else number,
        method=method,
    )


def unstalled(latencies: Sequence[float], expected: float) -> list[float]:
    """Return the latencies, sorted, and with each long one those that it hid.

    While one request stalls, a connection does not send those that it would have sent, one every
    `expected` seconds, and they would have stalled, too. wrk counts them in, from twice that time.
    """
    hidden = list(latencies)
    for latency in latencies:
        if latency >= 2 * expected > 0:
            hidden += [latency - n * expected for n in range(1, math.ceil(latency / expected) - 1)]
    return sorted(hidden)


def _wrk(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    *,
    token: str,
    connections: int,
    number: int,
    method: str,
) -> Outcome:
    with tempfile.TemporaryDirectory() as directory:
        file, script = Path(directory, "bodies"), Path(directory, "load.lua")
        file.write_bytes(b"".join(body + b"\n" for body in bodies))
        script.write_text(
            _SCRIPT.format(
                token=token,
                file=json.dumps(str(file)),
                method=json.dumps(method),
                path=json.dumps(path),
                number=number,
                percentiles=", ".join(map(str, PERCENTILES)),
            )
        )
        options = ["-t1", f"-c{connections}", f"-d{_LONGEST}s", "--timeout", f"{_PATIENCE}s"]
        lines = _lines_of(["wrk", *options, "-s", str(script), f"http://{HOST}:{port}{path}"])
    found = [figures for line in lines if (figures := _FIGURES.match(line))]
    if not found:
        raise RuntimeError(f"wrk says {lines}")
    requests, micros, failed, *latencies = map(int, found[0][1].split())
    return Outcome(
        answered=requests,
        failed=failed,
        seconds=micros / 1e6,
        latencies={
            percent: latency / 1e3 for percent, latency in zip(PERCENTILES, latencies, strict=True)
        },
    )


def _lines_of(command: Sequence[str]) -> list[str]:
    """What wrk prints; it is interrupted as soon as it says that the load is over."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            if line == "over\n" and line not in lines:
                process.send_signal(signal.SIGINT)
            lines.append(line)
    if process.returncode:
        raise RuntimeError(f"wrk ended with {process.returncode}")
    return lines


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
    number: int,
    method: str,
) -> Outcome:
    head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {token}\r\nContent-Length: "
    requests = [b"%b%d\r\n\r\n%b" % (head.encode(), len(body), body) for body in bodies]
    waiting = select.epoll()
    open_ones: dict[int, _Connection] = {}
    for _ in range(connections):
        connection = _Connection(port)
        open_ones[connection.socket.fileno()] = connection
        waiting.register(connection.socket.fileno(), select.EPOLLIN)
    supply = itertools.islice(itertools.cycle(requests), number)
    failed, latencies = 0, []
    began = now = time.perf_counter()
    for connection, request in zip(open_ones.values(), supply, strict=False):
        connection.send(request)
    over = False
    while not over and now < began + _LONGEST:
        for descriptor, _ in waiting.poll(1.0):
            connection = open_ones[descriptor]
            fine = connection.receive()
            if fine is None:
                continue
            failed += not fine
            latencies.append(time.perf_counter() - connection.began)
            following = next(supply, None)
            if following is None:
                over = True
                break
            connection.send(following)
        now = time.perf_counter()
    for connection in open_ones.values():
        connection.socket.close()
    waiting.close()
    all_latencies = unstalled(latencies, (now - began) * connections / len(latencies))
    return Outcome(
        answered=len(latencies),
        failed=failed,
        seconds=now - began,
        latencies={
            percent: all_latencies[int(len(all_latencies) * percent / 100)] * 1e3
            for percent in PERCENTILES
        },
    )
