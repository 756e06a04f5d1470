"""What the interface has done, in numbers for Prometheus: never a name, a path or a caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

_PREFIX: Final = "dynamicrypt_"


class RestCounters(Collector):
    """Counts answers by status, operations by result and time, and refused callers."""

    def __init__(self) -> None:
        self.requests: Counter[int] = Counter()
        self.operations: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, float] = {}
        self.auth_failures = 0
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def count(self, operation: str, result: str, seconds: float) -> None:
        """An operation was answered; `result` is ok or the code of its error."""
        self.operations[operation, result] += 1
        self.seconds[operation] = self.seconds.get(operation, 0.0) + seconds

    def describe(self) -> list[Metric]:
        """Nothing ahead: a registry asks for names only to find doubles."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Each metric with its present values."""
        requests = CounterMetricFamily(
            f"{_PREFIX}http_requests", "Answers, by status.", labels=["code"]
        )
        for status, count in self.requests.items():
            requests.add_metric([str(status)], count)
        results = CounterMetricFamily(
            f"{_PREFIX}operations",
            "Operations; result is ok or the code of the problem.",
            labels=["op", "result"],
        )
        times = SummaryMetricFamily(
            f"{_PREFIX}operation_seconds", "Time to the answer, waits included.", labels=["op"]
        )
        done: Counter[str] = Counter()
        for (operation, result), count in self.operations.items():
            results.add_metric([operation, result], count)
            done[operation] += count
        for operation, seconds in self.seconds.items():
            times.add_metric([operation], done[operation], seconds)
        failures = CounterMetricFamily(
            f"{_PREFIX}auth_failures", "Requests without a token of this node."
        )
        failures.add_metric([], self.auth_failures)
        yield from (requests, results, times, failures)

    def render(self) -> bytes:
        """All metrics now, as Prometheus' text."""
        return generate_latest(self._registry)
