"""The REST API under load: a real node, a load generator beside it, both on this machine.

Two services of one node share keys without a link, so what is measured is the interface. Every load
is put on a bare twisted.web resource in turns with the API, and the same work is done in a loop
without HTTP. On a machine that does other things the rates fall; CPU times and ratios hardly do.
"""

from __future__ import annotations

import base64
import http.client
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.api_bare import TOKEN, Work
from benchmarks.load import HOST, PERCENTILES, Outcome, load
from benchmarks.report import Report, main
from dynamicrypt.demo.daemon import Daemon
from tests.rest.running import BANK, SHOP, RunningNode

#: Messages of a batch.
BATCH = 100
#: Messages of a load: of 100 B on 64 connections, which is run several times, and else. A message
#: opens once, so a load has a number of messages and not a time.
MOST, SOME = 25_000, {100: 5_000, 10_000: 2_000}
#: Connections that batches come on.
BATCH_CONNECTIONS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A load, and the CPU time of the server for a request of it in µs."""

    outcome: Outcome
    cpu_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server under load; what is sealed below one path is opened below the other."""

    pid: int
    port: int
    token: str
    sealing: str
    opening: str

    def load(self, path: str, bodies: Sequence[bytes], connections: int, number: int) -> Run:
        """Put load on a path; RuntimeError where a request fails."""
        before = self._cpu()
        outcome = load(
            self.port, path, bodies, token=self.token, connections=connections, number=number
        )
        if outcome.failed:
            raise RuntimeError(f"{outcome.failed} requests to {path} failed")
        return Run(outcome=outcome, cpu_us=(self._cpu() - before) / outcome.answered * 1e6)

    def encrypt(self, size: int, connections: int, number: int) -> Run:
        """Encrypt messages of so many bytes."""
        return self.load(self.sealing + "encrypt", [encrypt_body(size)], connections, number)

    def decrypt(self, size: int, connections: int, number: int) -> Run:
        """Decrypt such messages, each once."""
        bodies = [b'{"ciphertext":"%b"}' % each for each in self.sealed(size, number)]
        return self.load(self.opening + "decrypt", bodies, connections, number)

    def encrypt_batches(self, number: int) -> Run:
        """Encrypt batches of messages of 100 bytes."""
        body = encrypt_batch_body(100, BATCH)
        return self.load(self.sealing + "batch/encrypt", [body], BATCH_CONNECTIONS, number)

    def decrypt_batches(self, number: int) -> Run:
        """Decrypt such batches."""
        sealed = self.sealed(100, number * BATCH)
        bodies = [
            decrypt_batch_body(sealed[at : at + BATCH]) for at in range(0, len(sealed), BATCH)
        ]
        return self.load(self.opening + "batch/decrypt", bodies, BATCH_CONNECTIONS, number)

    def sealed(self, size: int, number: int) -> list[bytes]:
        """So many ciphertexts of so many bytes, made by the server in batches."""
        # A body has 1 MiB at most, and base64 makes four bytes of three.
        at_once = min(256, 2**19 // size)
        body = encrypt_batch_body(size, at_once)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        made: list[bytes] = []
        while len(made) < number:
            connection.request("POST", self.sealing + "batch/encrypt", body, headers)
            items = orjson.loads(connection.getresponse().read())["items"]
            made += [each["ciphertext"].encode() for each in items]
        connection.close()
        return made[:number]

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_api() -> Iterator[Server]:
    """A node for the time of the block."""
    with tempfile.TemporaryDirectory() as state, Daemon(Path(state)) as daemon:
        node = RunningNode(daemon)
        yield Server(
            pid=node.pid,
            port=node.port,
            token=node.token,
            sealing=BANK + "/",
            opening=SHOP + "/",
        )


@contextmanager
def running_bare() -> Iterator[Server]:
    """The bare resource for the time of the block."""
    command = [sys.executable, "-m", "benchmarks.api_bare"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Server(pid=process.pid, port=port, token=TOKEN, sealing="/", opening="/")
        assert process.stdin is not None
        process.stdin.close()


def text(size: int) -> str:
    """So many random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(size)).decode("ascii")


def encrypt_body(size: int) -> bytes:
    """A request to encrypt so many bytes in mode 1."""
    return orjson.dumps({"plaintext": text(size), "mode": 1})


def encrypt_batch_body(size: int, number: int) -> bytes:
    """A request to encrypt so many messages in mode 1."""
    return orjson.dumps({"items": [{"plaintext": text(size)} for _ in range(number)], "mode": 1})


def decrypt_batch_body(sealed: Sequence[bytes]) -> bytes:
    """A request to decrypt these messages."""
    return orjson.dumps({"items": [{"ciphertext": each.decode()} for each in sealed]})


def in_turns(
    api: Server, bare: Server, turns: int, ask: Callable[[Server], Run]
) -> tuple[list[Run], list[Run]]:
    """The runs of each server: what disturbs one disturbs the other."""
    pairs = [(ask(api), ask(bare)) for _ in range(turns)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def add(
    report: Report,
    name: str,
    end: str,
    runs: tuple[list[Run], list[Run]],
    *,
    unit: str,
    messages: int = 1,
    at_least: float | None = None,
    to_bare: float | None = None,
) -> None:
    """The figures of a load: those of the fastest run, and the median of the ratios."""
    (best, bare) = (max(each, key=lambda run: run.outcome.rate).outcome for each in runs)
    ratio = statistics.median(
        one.outcome.rate / other.outcome.rate for one, other in zip(*runs, strict=True)
    )
    costs = [statistics.median(run.cpu_us for run in each) / messages for each in runs]
    what = "messages_per_second" if messages > 1 else "per_second"
    report.add(f"{name}_{what}{end}", best.rate * messages, f"1/s, {unit}", at_least=at_least)
    report.add(f"{name}_to_bare{end}", ratio, "", at_least=to_bare)
    for cost, whose in zip(costs, ("", "_bare"), strict=True):
        report.add(f"{name}_cpu_us{whose}{end}", cost, "us of CPU a message")
    for percent in PERCENTILES:
        figure = f"p{percent:g}".replace(".", "")
        report.add(f"{name}_{figure}_ms{end}", best.latencies[percent], "ms")
        report.add(f"{name}_{figure}_ms_bare{end}", bare.latencies[percent], "ms")


def measure_messages(
    report: Report, api: Server, bare: Server, size: int, connections: int
) -> None:
    """Single messages; the main figures are those of 100 B on 64 connections."""
    is_main = (size, connections) == (100, 64)
    number = MOST if is_main else SOME[size]
    turns = 3 if is_main else 1
    if not report.quick:
        number, turns = 4 * number, turns + 2
    name, kind = ("", "100 B") if size == 100 else ("_10k", "10 kB")
    end = "" if connections == 64 else f"_{connections}"
    unit = f"{kind}, {connections} conn."
    report.say(unit)
    sealing = in_turns(api, bare, turns, lambda server: server.encrypt(size, connections, number))
    rate, ratio = (15_000, 1.2) if is_main else (None, None)
    add(report, f"api.encrypt{name}", end, sealing, unit=unit, at_least=rate, to_bare=ratio)
    opening = in_turns(api, bare, turns, lambda server: server.decrypt(size, connections, number))
    add(report, f"api.decrypt{name}", end, opening, unit=unit)


def measure_batches(report: Report, api: Server, bare: Server) -> None:
    """Batches of 100."""
    number, turns = (1_000, 2) if report.quick else (5_000, 5)
    unit = f"100 B, {BATCH_CONNECTIONS} conn."
    report.say("batches")
    sealing = in_turns(api, bare, turns, lambda server: server.encrypt_batches(number))
    add(report, "api.batch", "", sealing, unit=unit, messages=BATCH, at_least=300_000)
    opening = in_turns(api, bare, turns, lambda server: server.decrypt_batches(number))
    add(report, "api.batch_decrypt", "", opening, unit=unit, messages=BATCH)


def cpu_us(work: Callable[[bytes], bytes], bodies: Sequence[bytes]) -> tuple[list[bytes], float]:
    """The answers, and the CPU time of each in µs."""
    began = time.process_time()
    answers = [work(body) for body in bodies]
    return answers, (time.process_time() - began) / len(bodies) * 1e6


def measure_without_http(report: Report) -> None:
    """The same work in a loop."""
    report.say("without HTTP")
    unit = "us of CPU, without HTTP"
    for size, name, times in ((100, "", 20_000), (10_000, "_10k", 4_000)):
        work = Work()
        sealed, cost = cpu_us(work.encrypt, [encrypt_body(size)] * times)
        report.add(f"api.encrypt{name}_work_us", cost, unit)
        _, cost = cpu_us(work.decrypt, sealed)
        report.add(f"api.decrypt{name}_work_us", cost, unit)
    work = Work()
    sealed, cost = cpu_us(work.encrypt_batch, [encrypt_batch_body(100, BATCH)] * 500)
    report.add("api.batch_work_us", cost / BATCH, unit)
    _, cost = cpu_us(work.decrypt_batch, sealed)
    report.add("api.batch_decrypt_work_us", cost / BATCH, unit)


def measure(report: Report) -> None:
    """Run every part."""
    with running_api() as api, running_bare() as bare:
        for size in SOME:
            for connections in (64, 16, 1):
                measure_messages(report, api, bare, size, connections)
        measure_batches(report, api, bare)
    measure_without_http(report)


if __name__ == "__main__":
    sys.exit(main("REST API", measure))
