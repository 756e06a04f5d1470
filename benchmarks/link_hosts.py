"""The link benchmark's view of its two processes: `link_host` and what is measured on them."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

from tests.relay import LOOPBACK


class Hosts:
    """A process with `number` nodes of a profile, or of one with `changes` to its exchange."""

    def __init__(self, number: int, profile: str, changes: Mapping[str, object]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.link_host"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started = self.do("start", hosts=number, profile=profile, changes=dict(changes))
        self.fingerprints: list[str] = [fingerprint for fingerprint, _ in started]
        self.ports: list[int] = [port for _, port in started]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def ask(self, order: str, **arguments: object) -> None:
        """Give an order; `answer` has its result."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([order, arguments]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """The result of the oldest order without one."""
        assert self._process.stdout is not None
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def do(self, order: str, **arguments: object) -> Any:
        """Give an order and wait for its result."""
        self.ask(order, **arguments)
        return self.answer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a few intervals of a running exchange showed; medians, of both sides together."""

    keys_per_second: float
    bytes_per_key: float
    rounds_per_second: float
    steps_per_pass: float
    #: µs of processor time for a key at one side, everything counted.
    cpu_us_per_key: float


class Pair:
    """Two processes with a node each, or `hosts` at the called one, that know each other."""

    def __init__(self, caller: Hosts, callee: Hosts) -> None:
        self.caller = caller
        self.callee = callee
        self._channels = 0
        caller.do("trust", fingerprints=callee.fingerprints)
        callee.do("trust", fingerprints=caller.fingerprints)

    def register(self, host: int = 0) -> tuple[str, str]:
        """A new service at each side that expects the other."""
        caller, callee = f"caller{self._channels}", f"callee{self._channels}"
        self._channels += 1
        self.caller.do("register", host=0, service=caller, partner=callee)
        self.callee.do("register", host=host, service=callee, partner=caller)
        return caller, callee

    def call(self, host: int = 0, *, port: int | None = None) -> float:
        """Open a channel; the seconds until the caller has its first key."""
        caller, callee = self.register(host)
        port = self.callee.ports[host] if port is None else port
        return float(self.caller.do("call", host=0, service=caller, partner=callee, port=port))

    def call_together(self, hosts: Iterable[int]) -> None:
        """Open a channel with each of the hosts, all at once, and wait for the keys of all."""
        pairs = [(host, *self.register(host)) for host in hosts]
        for host, caller, callee in pairs:
            port = self.callee.ports[host]
            self.caller.ask("call", host=0, service=caller, partner=callee, port=port)
        for _ in pairs:
            self.caller.answer()

    def call_afresh(self, *, port: int | None = None) -> float:
        """As `call`, on a link of its own that is gone afterwards."""
        seconds = self.call(port=port)
        number = self._channels - 1
        self.caller.do("leave", host=0, service=f"caller{number}")
        self.callee.do("leave", host=0, service=f"callee{number}")
        return seconds

    def rest(self) -> None:
        """Spend no more keys: the stores fill, and the machines rest."""
        for side in (self.caller, self.callee):
            side.do("rest")

    def resting(self, channels: int, seconds: float = 30.0) -> int:
        """Wait until so many channels rest; how many do."""
        deadline = time.monotonic() + seconds
        while (found := int(self.counts()[0]["resting"])) < channels:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{found} of {channels} channels rest")
            time.sleep(0.1)
        return found

    def counts(self) -> tuple[dict[str, float], dict[str, float]]:
        """The counters of both sides, taken at about the same time."""
        self.caller.ask("count")
        self.callee.ask("count")
        return self.caller.answer(), self.callee.answer()

    def rates(self, intervals: int, seconds: float) -> Rates:
        """Measure some intervals."""
        marks = [self.counts()]
        for _ in range(intervals):
            time.sleep(seconds)
            marks.append(self.counts())
        found = [_rates(*pair) for pair in itertools.pairwise(marks)]
        return Rates(
            **{
                name: statistics.median(getattr(each, name) for each in found)
                for name in Rates.__slots__
            }
        )


def _rates(
    before: tuple[dict[str, float], dict[str, float]],
    after: tuple[dict[str, float], dict[str, float]],
) -> Rates:
    one, two = (
        {name: then[name] - now[name] for name in now}
        for now, then in zip(before, after, strict=True)
    )
    keys = one["keys"] + two["keys"]
    each = max(keys, 1)
    return Rates(
        keys_per_second=keys / one["time"],
        bytes_per_key=one["bytes"] / each,
        rounds_per_second=one["rounds"] / one["time"],
        steps_per_pass=one["steps"] / max(one["passes"], 1),
        cpu_us_per_key=1e6 * (one["cpu"] + two["cpu"]) / 2 / each,
    )


@contextmanager
def pair(
    profile: str, changes: Mapping[str, object] | None = None, *, callees: int = 1
) -> Iterator[Pair]:
    """Two processes with nodes of a profile."""
    with (
        Hosts(1, profile, changes or {}) as caller,
        Hosts(callees, profile, changes or {}) as callee,
    ):
        yield Pair(caller, callee)


@contextmanager
def slow_way(port: int, round_trip: float) -> Iterator[int]:
    """A port that leads to `port` with a longer round trip, in seconds."""
    relay = subprocess.Popen(
        [sys.executable, "-m", "tests.relay", f"{LOOPBACK}:{port}", "--delay", str(round_trip / 2)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with ExitStack() as stack:
        stack.enter_context(relay)
        stack.callback(relay.terminate)
        assert relay.stdout is not None
        yield int(relay.stdout.readline())
