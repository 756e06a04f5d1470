"""The REST API under load: a real node, a load generator beside it, both on this machine.

Two services of one node share keys without a link, so what is measured is the interface. On a
machine that does other things the rates fall; the CPU time of a request and the ratio to the bare
resource, which is measured in turns with the API, do not.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.api_bare import TOKEN, Encrypt
from benchmarks.load import Outcome, load
from benchmarks.report import Report, main
from dynamicrypt.demo.daemon import Daemon
from tests.rest.running import BANK, SHOP, RunningNode

#: Messages of a batch.
BATCH = 100
#: Ciphertexts made beforehand to be decrypted; each opens once.
STOCK = 256 * 200


class Api(RunningNode):
    """A node under load."""

    def load(
        self, path: str, bodies: Sequence[bytes], connections: int, seconds: float
    ) -> tuple[Outcome, float]:
        """The outcome of load, and the CPU time of the node for a request in µs."""
        before = self._cpu()
        outcome = load(
            self.port, path, bodies, token=self.token, connections=connections, seconds=seconds
        )
        if outcome.failed:
            raise RuntimeError(f"{outcome.failed} requests failed")
        return outcome, (self._cpu() - before) / (outcome.rate * seconds) * 1e6

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_api() -> Iterator[Api]:
    """A node for the time of the block."""
    with tempfile.TemporaryDirectory() as state, Daemon(Path(state)) as daemon:
        yield Api(daemon)


@contextmanager
def running_bare() -> Iterator[int]:
    """The port of the bare resource."""
    command = [sys.executable, "-m", "benchmarks.api_bare"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        assert process.stdin is not None
        process.stdin.close()


def encrypt_body(size: int) -> bytes:
    """A request to encrypt so many bytes in mode 1."""
    plaintext = base64.b64encode(secrets.token_bytes(size)).decode("ascii")
    return json.dumps({"plaintext": plaintext, "mode": 1}).encode()


def batch_body(size: int) -> bytes:
    """A request to encrypt a batch in mode 1."""
    items = [
        {"plaintext": base64.b64encode(secrets.token_bytes(size)).decode("ascii")}
        for _ in range(BATCH)
    ]
    return json.dumps({"items": items, "mode": 1}).encode()


def measure_against_bare(report: Report, api: Api, seconds: float, turns: int) -> None:
    """The main figure, in turns with the bare resource doing the same work."""
    body = [encrypt_body(100)]
    outcomes, costs, ratios = [], [], []
    with running_bare() as port:
        for _ in range(turns):
            outcome, cost = api.load(SHOP + "/encrypt", body, 64, seconds)
            bare = load(port, "/", body, token=TOKEN, connections=64, seconds=seconds)
            outcomes.append(outcome)
            costs.append(cost)
            ratios.append(outcome.rate / bare.rate)
    best = max(outcomes, key=lambda outcome: outcome.rate)
    report.add("api.encrypt_per_second", best.rate, "1/s, 100 B, 64 conn.", at_least=15_000)
    report.add("api.encrypt_to_bare", statistics.median(ratios), "", at_least=1.2)
    report.add("api.encrypt_cpu_us", statistics.median(costs), "us of CPU")
    report.add("api.encrypt_median_ms", best.median_ms, "ms")
    report.add("api.encrypt_p99_ms", best.p99_ms, "ms")


def measure_other_loads(report: Report, api: Api, seconds: float) -> None:
    """Fewer connections, larger messages."""
    for connections in (1, 16):
        outcome, _ = api.load(SHOP + "/encrypt", [encrypt_body(100)], connections, seconds)
        report.add(f"api.encrypt_per_second_{connections}", outcome.rate, "1/s, 100 B")
        report.add(f"api.encrypt_p99_ms_{connections}", outcome.p99_ms, "ms")
    outcome, _ = api.load(SHOP + "/encrypt", [encrypt_body(10_000)], 64, seconds)
    report.add("api.encrypt_10k_per_second", outcome.rate, "1/s, 10 kB, 64 conn.")


def measure_decrypt(report: Report, api: Api, seconds: float) -> None:
    """Each ciphertext once: the load ends before they do, or its failures tell."""
    bodies = []
    for _ in range(STOCK // 256):
        items = [{"plaintext": base64.b64encode(bytes(100)).decode()}] * 256
        sealed = api.ask("POST", BANK + "/batch/encrypt", {"items": items})
        bodies += [
            json.dumps({"ciphertext": each["ciphertext"]}).encode() for each in sealed["items"]
        ]
    outcome, cost = api.load(SHOP + "/decrypt", bodies, 64, seconds)
    report.add("api.decrypt_per_second", outcome.rate, "1/s, 100 B, 64 conn.")
    report.add("api.decrypt_cpu_us", cost, "us of CPU")


def measure_batches(report: Report, api: Api, seconds: float, turns: int) -> None:
    """Batches of 100."""
    body = [batch_body(100)]
    runs = [api.load(SHOP + "/batch/encrypt", body, 16, seconds) for _ in range(turns)]
    best = max(outcome.rate for outcome, _ in runs)
    report.add("api.batch_messages_per_second", best * BATCH, "1/s, 100 B", at_least=300_000)
    cost = statistics.median(cost for _, cost in runs)
    report.add("api.batch_cpu_us", cost / BATCH, "us of CPU a message")


def measure_without_http(report: Report) -> None:
    """The same work in a loop."""
    resource, body, times = Encrypt(), encrypt_body(100), 20_000
    resource.give_key()
    began = time.process_time()
    for _ in range(times):
        resource.work(body)
    report.add("api.work_us", (time.process_time() - began) / times * 1e6, "us, without HTTP")


def measure(report: Report) -> None:
    """Run every part."""
    seconds, turns = (2.0, 3) if report.quick else (10.0, 5)
    with running_api() as api:
        report.say("encrypt, in turns with a bare resource")
        measure_against_bare(report, api, seconds, turns)
        report.say("other loads")
        measure_other_loads(report, api, seconds)
        report.say("decrypt")
        measure_decrypt(report, api, 2.0)
        report.say("batches")
        measure_batches(report, api, seconds, turns)
    measure_without_http(report)


if __name__ == "__main__":
    sys.exit(main("REST API", measure))
