"""One host of the link benchmark: a process with one node or many, driven by JSON lines.

The nodes are real, on TLS and loopback, in a process that is hardened as the service is. Keys are
spent as they get ready, so that the watermarks of the stores do not let the machines rest, until
`spend` is told to stop.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver

from dynamicrypt.keys.pool_key import Mode, Use
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.exchange import WIRE
from dynamicrypt.node.hardening import harden
from dynamicrypt.node.links import Links
from dynamicrypt.node.node import Node
from dynamicrypt.params import PROFILES, MachineParameters, Profile, Rule
from dynamicrypt.peer.identity import generate
from dynamicrypt.peer.peers import LINK_PORT, KnownPeers, Peer
from dynamicrypt.session.channel_states import State

reactor: Any = installed_reactor

HOST: Final = "127.0.0.1"
#: How often (s) ready keys are spent, for each channel: a round of the fastest takes longer.
SPENDING: Final = 0.0005
#: How often (s) a caller looks for its first key.
LOOKING: Final = 0.0005
#: Where struct tcp_info has the bytes acknowledged and received (linux/tcp.h).
TCP_BYTES: Final = struct.Struct("=120xQQ")
OWNER: Final = "benchmark"


def profile_of(name: str, changes: dict[str, Any]) -> Profile:
    """The profile with other numbers in it; those of the machine come as [K, N, L, rule]."""
    profile = PROFILES[name]
    if "machine" in changes:
        K, N, L, rule = changes["machine"]
        machine = MachineParameters(K=K, N=N, L=L, rule=Rule(rule))
        changes = {**changes, "machine": machine}
    return replace(profile, exchange=replace(profile.exchange, **changes))


class Host:
    """A node of this process."""

    def __init__(self, number: int, profile: Profile) -> None:
        self.identity = generate()
        self.known = KnownPeers()
        self.node = Node(
            reactor,
            identity=self.identity,
            peers=lambda: self.known,
            name=f"host{number}",
            profile=profile,
            advertised={WIRE: (HOST, LINK_PORT)},
        )
        self.node.startService()
        listening = reactor.listenTCP(0, self.node.link_listener(), interface=HOST)
        self.port: int = listening.getHost().port
        self.services: set[str] = set()

    @property
    def links(self) -> Links:
        """The links of the node."""
        return self.node._exchange.links

    @property
    def channels(self) -> Iterator[LinkChannel]:
        """All channels that there are."""
        for service in self.services:
            yield from self.node.channels(service, owner=OWNER)

    def bytes_passed(self) -> int:
        """Bytes of TCP payload on the links, TLS with its records in it, both directions."""
        total = 0
        for link in self.links:
            tcp: socket.socket = cast("Any", link.transport).transport.socket
            info = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_BYTES.size)
            total += sum(TCP_BYTES.unpack(info))
        return total


@dataclass(slots=True)
class Total:
    """Counters of all channels of a process."""

    keys: int = 0
    passes: int = 0
    steps: int = 0
    rounds: int = 0
    probes: int = 0
    restarts: int = 0
    resting: int = 0


class Hosts:
    """The nodes of this process and what they are told to do."""

    def __init__(self) -> None:
        self.hosts: list[Host] = []
        self.spending: IDelayedCall | None = None

    def start(self, hosts: int, profile: str, changes: dict[str, Any]) -> list[list[Any]]:
        """Start nodes; the fingerprint and the port of each."""
        chosen = profile_of(profile, changes)
        self.hosts = [Host(number, chosen) for number in range(hosts)]
        self.spend()
        return [[host.identity.fingerprint.hex(), host.port] for host in self.hosts]

    def trust(self, fingerprints: list[str]) -> None:
        """Let every node know these peers."""
        peers = tuple(
            Peer(name=f"peer{number}", fingerprint=bytes.fromhex(text))
            for number, text in enumerate(fingerprints)
        )
        for host in self.hosts:
            host.known = KnownPeers(peers)

    def register(self, host: int, service: str, partner: str) -> None:
        """Register a service with its partner."""
        self.hosts[host].services.add(service)
        self.hosts[host].node.register(service, owner=OWNER, wire=WIRE)
        self.hosts[host].node.configure(service, partner, owner=OWNER)

    async def call(self, host: int, service: str, partner: str, port: int) -> float:
        """Synchronise; the seconds until the first key that this side may send under."""
        began = reactor.seconds()
        caller = self.hosts[host]
        await caller.node.synchronise(service, partner, HOST, port, owner=OWNER)
        channel = caller.node.channel(service, partner, owner=OWNER)
        while not channel.supply.confirmed:
            await deferLater(reactor, LOOKING)
        return float(reactor.seconds() - began)

    async def leave(self, host: int, service: str) -> None:
        """Remove a service, and wait until its link is gone."""
        leaving = self.hosts[host]
        leaving.services.remove(service)
        leaving.node.remove(service, owner=OWNER)
        while list(leaving.links):
            await deferLater(reactor, 0.01)

    def spend(self) -> None:
        """Take every key that is ready but one: a store that runs dry is news to publish."""
        now = reactor.seconds()
        channels = [channel for host in self.hosts for channel in host.channels]
        for channel in channels:
            store = channel.store
            if store.own.free > 1:
                for own in store.own.take(Use(Mode.DELIVERY), store.own.free - 1, now):
                    own.wipe(store.cells)
                channel.tick()
        self.spending = reactor.callLater(SPENDING * max(1, len(channels)), self.spend)

    def rest(self) -> None:
        """Spend no more keys, so that the stores fill and the machines rest."""
        if self.spending is not None:
            self.spending.cancel()
            self.spending = None

    def keys(self) -> list[int]:
        """The keys that each channel has got ready."""
        return [channel.supply.confirmed for host in self.hosts for channel in host.channels]

    def count(self) -> dict[str, float]:
        """Everything so far, and the clock."""
        total = Total()
        for host in self.hosts:
            for channel in host.channels:
                total.keys += channel.supply.confirmed
                link = host.links.link(channel.peer)
                if link is not None and channel.live:
                    session = link.session.channel(channel.name)
                    statistics = session.statistics
                    total.resting += session.state is State.RESTING
                    total.passes += statistics.passes
                    total.steps += statistics.steps
                    total.rounds += statistics.rounds
                    total.probes += statistics.probes
                    total.restarts += statistics.restarts
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            **{name: getattr(total, name) for name in Total.__slots__},
            "cpu": used.ru_utime + used.ru_stime,
            "bytes": sum(host.bytes_passed() for host in self.hosts),
            "memory": resident_bytes(),
            "links": sum(len(list(host.links)) for host in self.hosts),
            "time": reactor.seconds(),
        }


def resident_bytes() -> int:
    """Bytes of this process in memory, locked ones with them (proc(5), statm)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Orders(LineReceiver):
    """Carries out each line and answers it, in order."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 20

    def __init__(self) -> None:
        self.hosts = Hosts()

    def lineReceived(self, line: bytes) -> None:
        """An order: the name of a method of Hosts, and its arguments."""
        name, arguments = json.loads(line)
        done: Deferred[object] = Deferred.fromCoroutine(self.carry_out(name, arguments))
        done.addErrback(lambda failure: self.answer({"error": failure.getTraceback()}))

    async def carry_out(self, name: str, arguments: dict[str, Any]) -> None:
        """Do it, and answer."""
        result = getattr(self.hosts, name)(**arguments)
        if hasattr(result, "__await__"):
            result = await result
        self.answer({"result": result})

    def answer(self, answer: dict[str, Any]) -> None:
        """Write the answer."""
        self.sendLine(json.dumps(answer).encode())

    def connectionLost(self, reason: object = None) -> None:
        """The benchmark is over."""
        reactor.stop()


if __name__ == "__main__":
    # As the service does, for it costs time and memory: freed bytes are overwritten.
    harden()
    StandardIO(Orders())
    reactor.run()
    sys.exit(0)
