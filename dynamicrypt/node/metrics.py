"""The node in numbers, for Prometheus: counters and levels, never a key, an id or a plaintext."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from dynamicrypt import __version__
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.links import Links
from dynamicrypt.node.status import NodeStatus

#: What `render` gives (the text format of Prometheus, version 0.0.4).
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "dynamicrypt_"


class Measured(Protocol):
    """What is measured; see `node.node.Node`."""

    @property
    def links(self) -> Links:
        """The links, with their counters."""

    def status(self) -> NodeStatus:
        """The node and its peers now."""

    def all_channels(self) -> list[LinkChannel]:
        """Every channel of wire 2, whoever owns it."""

    def seconds(self) -> float:
        """The clock on which keys age."""


class NodeMetrics(Collector):
    """The metrics of one node. Labels are names of peers and channels, groups and results."""

    def __init__(self, node: Measured) -> None:
        self._node = node
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self) -> bytes:
        """All metrics now, as text of CONTENT_TYPE."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Nothing ahead: a registry asks for names only to find doubles."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Each metric with its present values."""
        yield InfoMetricFamily(
            f"{_PREFIX}build", "Version of the program.", value={"version": __version__}
        )
        yield from self._of_peers()
        yield from self._of_channels()

    def _of_peers(self) -> Iterator[Metric]:
        links, status = self._node.links, self._node.status()
        up = GaugeMetricFamily(f"{_PREFIX}peer_up", "Whether the link is up.", labels=["peer"])
        trip = GaugeMetricFamily(
            f"{_PREFIX}peer_round_trip_seconds", "Round trip measured last.", labels=["peer"]
        )
        lost = CounterMetricFamily(
            f"{_PREFIX}peer_reconnects", "Links that were lost.", labels=["peer"]
        )
        for peer in status.peers:
            up.add_metric([peer.name], float(peer.up))
            lost.add_metric([peer.name], links.reconnects[peer.fingerprint])
            if peer.round_trip is not None:
                trip.add_metric([peer.name], peer.round_trip)
        shakes = CounterMetricFamily(
            f"{_PREFIX}tls_handshakes",
            "Finished TLS handshakes, dialled or answered; result is ok or why they failed.",
            labels=["group", "result"],
        )
        for (group, result), count in links.connections.handshakes.items():
            shakes.add_metric([group, result], count)
        away = CounterMetricFamily(
            f"{_PREFIX}strangers_turned_away",
            "Connections closed before a handshake, by the limit that they met.",
            labels=["limit"],
        )
        for limit, count in links.connections.doorkeeper.turned_away.items():
            away.add_metric([limit], count)
        yield from (up, trip, lost, shakes, away)

    def _of_channels(self) -> Iterator[Metric]:
        made, confirmed, rejected, live, available, age, steps = (
            CounterMetricFamily(f"{_PREFIX}keys_made", "Keys derived.", labels=["channel"]),
            CounterMetricFamily(
                f"{_PREFIX}keys_confirmed", "Own keys the partner holds.", labels=["channel"]
            ),
            CounterMetricFamily(
                f"{_PREFIX}keys_rejected",
                "Keys that the two sides did not share.",
                labels=["channel", "reason"],
            ),
            GaugeMetricFamily(
                f"{_PREFIX}channel_up", "Whether the channel is up.", labels=["channel"]
            ),
            GaugeMetricFamily(
                f"{_PREFIX}keys_available", "Own keys ready for use.", labels=["channel"]
            ),
            GaugeMetricFamily(
                f"{_PREFIX}key_age_seconds", "Age of the oldest ready key.", labels=["channel"]
            ),
            SummaryMetricFamily(
                f"{_PREFIX}sync_steps",
                "Steps of the machines that became equal, since the channel came up.",
                labels=["channel"],
            ),
        )
        for channel in self._node.all_channels():
            label = [f"{channel.name.service}/{channel.name.partner}"]
            levels = channel.store.levels
            made.add_metric(label, channel.supply.made)
            confirmed.add_metric(label, channel.supply.confirmed)
            rejected.add_metric([*label, "unmatched"], channel.supply.unmatched)
            live.add_metric(label, float(channel.live))
            available.add_metric(label, levels.free)
            if levels.oldest is not None:
                age.add_metric(label, self._node.seconds() - levels.oldest)
            statistics = channel.statistics
            if statistics is not None:
                steps.add_metric(label, statistics.passes, statistics.steps)
        yield from (made, confirmed, rejected, live, available, age, steps)
