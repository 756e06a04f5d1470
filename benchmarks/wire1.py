"""Wire 1, node against node: two processes on loopback, thesis parameters.

One iteration is what the thesis' program counts: one message each way. The baseline of the same
run is the foreign peer of the tests, which is plain Python over blocking sockets.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.relay import Relay
from benchmarks.report import Report, main
from dynamicrypt.demo.application import Application
from dynamicrypt.demo.daemon import Daemon, LogLine

CHANNELS = (1, 4, 16)
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def two_nodes() -> Iterator[tuple[Daemon, Daemon]]:
    """Two fresh nodes, north and south, as processes."""
    with TemporaryDirectory(prefix="dynamicrypt-bench-") as directory, ExitStack() as stack:
        nodes = []
        for name in ("north", "south"):
            state = Path(directory) / name
            state.mkdir(mode=0o700)
            nodes.append(stack.enter_context(Daemon(state)))
        yield nodes[0], nodes[1]


def introduce(nodes: tuple[Daemon, Daemon], number: int) -> tuple[Application, Application]:
    """Two applications that know each other, one at each node; north has yet to call."""
    caller, callee = (
        Application(f"{node.state.name}{number}", node.api_port, token(node), wire=1)
        for node in nodes
    )
    caller.register()
    callee.register()
    caller.expect(callee)
    callee.expect(caller)
    return caller, callee


def token(node: Daemon) -> str:
    """Return the bearer token that the node wrote at its start."""
    return (node.state / "token").read_text().strip()


def cpu_seconds(node: Daemon) -> float:
    """User and system time of the process so far (proc(5), stat fields 14 and 15)."""
    fields = Path(f"/proc/{node.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(frozen=True, slots=True)
class Birth:
    """A key that the calling node logged."""

    when: float
    channel: str
    iterations: int


def births(lines: list[LogLine]) -> list[Birth]:
    """Every key birth among the lines, in order."""
    return [
        Birth(line.when, fields["channel"], int(fields["iterations"]))
        for line in list(lines)
        if "key born" in line.text
        for fields in [line.fields]
    ]


def wait_for_channels(node: Daemon, channels: int) -> None:
    """Wait until every channel has a key."""
    deadline = time.monotonic() + 60
    while len({birth.channel for birth in births(node.lines)}) < channels:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all of {channels} channels have a key after a minute")
        time.sleep(0.05)


def measure_rates(report: Report, channels: int, seconds: float) -> float:
    """Measure iterations, keys and CPU time of channels at once; returns iterations per second.

    A channel is counted from one key to another, so that no run is counted in part.
    """
    suffix = "" if channels == 1 else f"_{channels}"
    with two_nodes() as nodes:
        for number in range(channels):
            caller, callee = introduce(nodes, number)
            caller.call(callee)
        wait_for_channels(nodes[0], channels)
        began, used = time.monotonic(), sum(map(cpu_seconds, nodes))
        time.sleep(seconds)
        used = sum(map(cpu_seconds, nodes)) - used
        ended = time.monotonic()
        born = [birth for birth in births(nodes[0].lines) if began <= birth.when <= ended]
    iterations = keys = 0.0
    for channel in {birth.channel for birth in born}:
        first, *rest = (birth for birth in born if birth.channel == channel)
        if rest:
            span = rest[-1].when - first.when
            iterations += sum(birth.iterations for birth in rest) / span
            keys += len(rest) / span
    fewest = min(sum(b.channel == c for b in born) for c in {birth.channel for birth in born})
    report.say(f"{channels} channels: {len(born)} keys, at least {fewest} on each")
    goal = 2500 if channels == 1 else None
    report.add(f"wire1.iterations_per_second{suffix}", iterations, "1/s", at_least=goal)
    report.add(f"wire1.keys_per_second{suffix}", keys, "1/s")
    spent = 1000 * used / (iterations * (ended - began))
    report.add(f"wire1.cpu_ms_per_iteration{suffix}", spent, "ms, both nodes")
    report.add(
        f"wire1.channels_with_keys{suffix}",
        len({b.channel for b in born}),
        "channels",
        at_least=channels,
    )
    return iterations


def measure_first_key(report: Report, times: int) -> None:
    """From the request to synchronise to the first key, on a channel that is new each time."""
    waits = []
    with two_nodes() as nodes:
        for number in range(times):
            caller, callee = introduce(nodes, number)
            known = len(births(nodes[0].lines))
            began = time.monotonic()
            caller.call(callee)
            nodes[0].wait_for("key born", 30, times=known + 1)
            waits.append(births(nodes[0].lines)[known].when - began)
            caller.leave()
            callee.leave()
    report.add("wire1.first_key_seconds", statistics.mean(waits), "s, mean", at_most=0.5)
    report.add("wire1.first_key_seconds_worst", max(waits), f"s, worst of {times}")


def measure_bytes(report: Report, keys: int) -> None:
    """Bytes on the connection from one key to another, both directions, headers not counted."""
    with two_nodes() as nodes:
        caller, callee = introduce(nodes, 0)
        relay = Relay(callee.tpm_port)
        callee.tpm_port = relay.port
        marks: list[int] = []
        nodes[0].listen = lambda line: (
            marks.append(relay.passed) if "key born" in line.text else None
        )
        caller.call(callee)
        nodes[0].wait_for("key born", 60, times=keys + 1)
        relay.close()
    each = (marks[keys] - marks[0]) / keys
    iterations = statistics.mean(birth.iterations for birth in births(nodes[0].lines)[1 : keys + 1])
    report.add("wire1.bytes_per_key", each, f"bytes, mean of {keys}")
    report.add("wire1.iterations_per_key", iterations, f"mean of {keys}")


def measure_baseline(report: Report, seconds: float) -> float:
    """Measure the iterations per second of two foreign peers."""
    command = [sys.executable, "-m", "tests.foreign"]
    listener = subprocess.Popen([*command, "listen"], stdout=subprocess.PIPE, text=True)
    assert listener.stdout is not None
    with listener, listener.stdout:
        port = listener.stdout.readline().strip()
        try:
            dialler = [*command, "dial", port, str(seconds)]
            answer = subprocess.run(
                dialler, capture_output=True, check=True, text=True, timeout=seconds + 60
            )
        except BaseException:
            listener.kill()
            raise
    rate = float(json.loads(answer.stdout)["iterations_per_second"])
    report.add("wire1.foreign_iterations_per_second", rate, "1/s")
    return rate


def measure(report: Report) -> None:
    """Run every part."""
    seconds = 4.0 if report.quick else 15.0
    rates = {}
    for channels in CHANNELS:
        report.say(f"{channels} channels")
        rates[channels] = measure_rates(report, channels, seconds)
    report.add("wire1.sixteen_to_one", rates[16] / rates[1], "", at_least=1)
    report.say("first keys")
    measure_first_key(report, 10 if report.quick else 40)
    report.say("bytes")
    measure_bytes(report, 20 if report.quick else 120)
    report.say("two foreign peers")
    report.add("wire1.to_foreign", rates[1] / measure_baseline(report, seconds), "")


if __name__ == "__main__":
    sys.exit(main("wire1", measure))
