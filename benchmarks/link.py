"""Wire 2, node against node: two processes on loopback, TLS on.

Keys are counted when their owner may use them, of both owners together. The baseline of the same
run is wire 1 of this project. `benchmarks.link_growth` shows how the rate grows.
"""

from __future__ import annotations

import statistics
import sys
import time

from benchmarks import wire1
from benchmarks.link_hosts import pair, slow_way
from benchmarks.report import Report, main

#: Round trips (s) at which the rate is measured.
ROUND_TRIPS = (0.01, 0.05, 0.1)
RUNNING_LINKS = 200
#: Links that are dialled at once.
TOGETHER = 40
IDLE_LINKS = 1000


def measure_rates(report: Report) -> None:
    """One channel at the thesis' parameters, and at each other profile."""
    intervals, seconds = (5, 0.6) if report.quick else (9, 3.0)
    profiles = ("thesis", "strong") if report.quick else ("thesis", "strong", "standard", "fast")
    for profile in profiles:
        with pair(profile) as nodes:
            nodes.call()
            time.sleep(0.5 if report.quick else 3)
            rates = nodes.rates(intervals, seconds * (2 if profile == "strong" else 1))
        name = "link." if profile == "thesis" else f"link.{profile}_"
        goal = {"thesis": 5000, "strong": 1}.get(profile)
        report.add(f"{name}keys_per_second", rates.keys_per_second, "1/s", at_least=goal)
        report.add(f"{name}cpu_us_per_key", rates.cpu_us_per_key, "µs, one side")
        report.add(
            f"{name}bytes_per_key",
            rates.bytes_per_key,
            "bytes, both ways, with TLS",
            at_most=1000 if profile == "thesis" else None,
        )
        report.add(f"{name}rounds_per_second", rates.rounds_per_second, "1/s")
        report.add(f"{name}steps_per_pass", rates.steps_per_pass, "steps")


def measure_first_key(report: Report) -> None:
    """From the request to synchronise to a key that the caller may use; a new link each time."""
    with pair("standard") as nodes:
        times = [nodes.call_afresh() for _ in range(10 if report.quick else 40)]
        report.add("link.first_key_seconds", statistics.median(times), "s, median", at_most=0.1)
        report.add("link.first_key_seconds_worst", max(times), f"s, worst of {len(times)}")
        with slow_way(nodes.callee.ports[0], 0.1) as port:
            times = [nodes.call_afresh(port=port) for _ in range(3 if report.quick else 15)]
    report.add("link.first_key_seconds_100ms", statistics.median(times), "s, median", at_most=2)
    report.add("link.first_key_seconds_100ms_worst", max(times), f"s, worst of {len(times)}")


def measure_round_trips(report: Report) -> None:
    """Rates over a slow way."""
    for profile in ("thesis", "standard"):
        for round_trip in ROUND_TRIPS:
            with pair(profile) as nodes, slow_way(nodes.callee.ports[0], round_trip) as port:
                nodes.call(port=port)
                time.sleep(3)
                rates = nodes.rates(3, 3.0)
            report.add(
                f"link.{profile}_keys_per_second_{1000 * round_trip:.0f}ms",
                rates.keys_per_second,
                "1/s",
            )


def measure_links(report: Report) -> None:
    """Many nodes that one process has links to, a running channel on each, and then a resting one.

    The called nodes share a process, which therefore does as much as the calling one.
    """
    running = RUNNING_LINKS
    with pair("fast", callees=running if report.quick else IDLE_LINKS) as nodes:
        empty = nodes.counts()[0]["memory"]
        for first in range(0, running, TOGETHER):
            nodes.call_together(range(first, first + TOGETHER))
        before = nodes.caller.do("keys")
        time.sleep(4)
        grown = sum(map(int.__lt__, before, nodes.caller.do("keys")))
        report.add("link.running_links", grown, "links with new keys in 4 s", at_least=running)
        if not report.quick:
            nodes.rest()
            for host in range(running, IDLE_LINKS):
                nodes.call(host)
            idle = nodes.resting(IDLE_LINKS)
            report.add("link.idle_links", idle, "links", at_least=IDLE_LINKS)
            each = (nodes.counts()[0]["memory"] - empty) / idle
            report.add("link.bytes_per_idle_link", each, "bytes, with a resting channel")


def measure_idle(report: Report) -> None:
    """The memory of a channel that rests, as one more on a link."""
    channels = 50 if report.quick else 500
    with pair("standard") as nodes:
        nodes.rest()
        nodes.call()
        nodes.resting(1)
        one = nodes.counts()[0]["memory"]
        for _ in range(channels):
            nodes.call()
        nodes.resting(1 + channels)
        each = (nodes.counts()[0]["memory"] - one) / channels
    report.add("link.bytes_per_idle_channel", each, "bytes", at_most=100_000)


def measure_baseline(report: Report) -> None:
    """Wire 1 of the same project on the same machine."""
    baseline = Report("wire1")
    wire1.measure_rates(baseline, 1, 3.0 if report.quick else 15.0)
    report.add("link.wire1_keys_per_second", baseline.numbers()["wire1.keys_per_second"], "1/s")
    ratio = (
        report.numbers()["link.keys_per_second"] / report.numbers()["link.wire1_keys_per_second"]
    )
    report.add("link.to_wire1", ratio, "")


def measure(report: Report) -> None:
    """Run every part."""
    parts = [measure_rates, measure_first_key, measure_links, measure_idle, measure_baseline]
    if not report.quick:
        parts += [measure_round_trips]
    for part in parts:
        report.say(part.__name__.removeprefix("measure_").replace("_", " "))
        part(report)


if __name__ == "__main__":
    sys.exit(main("link", measure))
