"""Two link sessions fed to each other without a network, and the stores that their events drive."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from dynamicrypt._core import ANTI_HEBBIAN, HEBBIAN, RANDOM_WALK, Bank
from dynamicrypt.params import ExchangeParameters, MachineParameters, Rule
from dynamicrypt.session.link import LinkSession
from dynamicrypt.session.link_admission import Admission, Refusal
from dynamicrypt.session.link_alive import LinkTimes
from dynamicrypt.session.link_bank import Fill
from dynamicrypt.session.link_events import (
    ChannelName,
    KeyConfirmed,
    KeyMade,
    KeysForgotten,
    KeyUnmatched,
    LinkEvent,
    LinkUp,
    PeerIncarnationChanged,
)
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_node import ThisNode
from dynamicrypt.session.link_statistics import Statistics

RULES = {
    Rule.HEBBIAN: HEBBIAN,
    Rule.ANTI_HEBBIAN: ANTI_HEBBIAN,
    Rule.RANDOM_WALK: RANDOM_WALK,
}

#: Small machines: a key takes a few rounds.
SMALL = ExchangeParameters(
    machine=MachineParameters(K=3, N=8, L=2, rule=Rule.RANDOM_WALK),
    package=8,
    fusion=1,
    machines=8,
    step_limit=400,
)
QUICK = LinkTimes(epoch=1e9, epoch_keys=1 << 30)


def make_bank(parameters: ExchangeParameters, fill: Fill) -> Bank:
    machine = parameters.machine
    return Bank(
        machine.K,
        machine.N,
        machine.L,
        RULES[machine.rule],
        parameters.machines,
        parameters.package,
        fill,
    )


def seeded(seed: int) -> Fill:
    source = random.Random(seed)

    def fill(view: memoryview) -> None:
        view[:] = source.randbytes(len(view))

    return fill


@dataclass
class Node:
    """A node: what outlives a link, as the real one keeps it."""

    number: int
    incarnation: bytes
    fill: Fill
    known: bytes | None = None
    parameters: dict[ChannelName, ExchangeParameters] = field(default_factory=dict)
    ledgers: dict[ChannelName, Ledger] = field(default_factory=dict)
    keys: dict[bytes, bytes] = field(default_factory=dict)
    owned: dict[bytes, bool] = field(default_factory=dict)
    #: Owned keys that could be used at any time, and held ones that were taken back.
    confirmed: set[bytes] = field(default_factory=set)
    disowned: set[bytes] = field(default_factory=set)
    events: list[LinkEvent] = field(default_factory=list)

    @property
    def fingerprint(self) -> bytes:
        return bytes([self.number]) * 32

    def judge(self, name: ChannelName) -> Admission | Refusal:
        if name not in self.parameters:
            return Refusal(reason="unknown", detail="no such pair")
        return Admission(parameters=self.parameters[name], ledger=self.ledger(name))

    def ledger(self, name: ChannelName) -> Ledger:
        return self.ledgers.setdefault(name, Ledger())

    def take(self, event: LinkEvent) -> None:
        self.events.append(event)
        match event:
            case KeyMade():
                assert event.id not in self.keys
                self.keys[event.id] = bytes(event.key)
                if event.owner:
                    self.owned[event.id] = False
            case KeyConfirmed():
                assert event.id in self.owned
                self.owned[event.id] = True
                self.confirmed.add(event.id)
            case KeyUnmatched():
                # What could be used may have been used: it is not taken back.
                assert event.id not in self.confirmed
                self.keys.pop(event.id)
                if self.owned.pop(event.id, None) is None:
                    self.disowned.add(event.id)
            case KeysForgotten():
                self.keys.clear()
                self.owned.clear()
            case PeerIncarnationChanged():
                self.keys.clear()
                self.owned.clear()
                for ledger in self.ledgers.values():
                    ledger.clear()
                self.known = event.incarnation
            case LinkUp():
                self.known = event.incarnation
            case _:
                pass

    @property
    def usable(self) -> set[bytes]:
        """Keys that this node may send with."""
        return {key_id for key_id, confirmed in self.owned.items() if confirmed}

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


def node(number: int, seed: int) -> Node:
    fill = seeded(seed)
    incarnation = bytearray(16)
    fill(memoryview(incarnation))
    return Node(number=number, incarnation=bytes(incarnation), fill=fill)


def make_session(
    own: Node,
    peer: Node,
    *,
    times: LinkTimes = QUICK,
    exporter: bytes = bytes(32),
    name: str | None = None,
) -> LinkSession:
    this = ThisNode(
        fingerprint=own.fingerprint,
        name=f"node{own.number}" if name is None else name,
        incarnation=own.incarnation,
        make_bank=make_bank,
        fill=own.fill,
        times=times,
    )
    return LinkSession(
        this,
        peer_fingerprint=peer.fingerprint,
        exporter=exporter,
        known_incarnation=own.known,
        judge=own.judge,
        now=0.0,
    )


class Pair:
    """One link between two nodes; bytes wait in `pipes` until they are delivered."""

    def __init__(
        self, first: Node, second: Node, *, times: LinkTimes = QUICK, exporter: bytes = bytes(32)
    ) -> None:
        self.nodes = (first, second)
        self.now = 0.0
        self.pipes = [bytearray(), bytearray()]
        self.carried = [0, 0]
        self.tap: Callable[[int, bytes], None] = lambda _side, _data: None
        self.sessions = [
            make_session(own, peer, times=times, exporter=exporter)
            for own, peer in ((first, second), (second, first))
        ]
        for side in (0, 1):
            self.perform(side, self.sessions[side].start())

    def perform(self, side: int, outputs: list[bytes | LinkEvent]) -> None:
        for output in outputs:
            if isinstance(output, bytes):
                self.tap(side, output)
                self.carried[side] += len(output)
                self.pipes[side] += output
            else:
                self.nodes[side].take(output)

    def deliver(self, side: int, size: int | None = None) -> bool:
        """Deliver what `side` has sent, or its first `size` bytes; whether there was any."""
        pipe = self.pipes[side]
        size = len(pipe) if size is None else min(size, len(pipe))
        data = bytes(pipe[:size])
        del pipe[:size]
        if data:
            self.receive(1 - side, data)
        return bool(data)

    def receive(self, side: int, data: bytes) -> None:
        """Let a side take the data, in as many turns as it wants."""
        session = self.sessions[side]
        self.perform(side, session.receive(data, self.now))
        while session.waiting:
            self.perform(side, session.receive(b"", self.now))

    def settle(self, turns: int = 1000) -> None:
        """Deliver until nothing moves, or for so many turns."""
        for _ in range(turns):
            moved = [self.deliver(0), self.deliver(1)]
            if not any(moved):
                return

    def open(
        self,
        service: str = "a",
        partner: str = "b",
        *,
        side: int = 0,
        parameters: ExchangeParameters = SMALL,
    ) -> ChannelName:
        """Open a channel that both sides want; its name as `side` sees it."""
        name = ChannelName(service, partner)
        own, peer = self.nodes[side], self.nodes[1 - side]
        own.parameters[name] = parameters
        peer.parameters.setdefault(ChannelName(partner, service), parameters)
        self.perform(side, self.sessions[side].open(name, parameters, own.ledger(name)))
        return name

    def statistics(self, side: int) -> Statistics:
        """What the first channel has done."""
        session = self.sessions[side]
        return session.channel(session.channels[0]).statistics

    def pause(self, *sides: int) -> None:
        """These sides have keys enough."""
        for side in sides:
            session = self.sessions[side]
            self.perform(side, session.pause(session.channels[0]))

    def resume(self, *sides: int) -> None:
        for side in sides:
            session = self.sessions[side]
            self.perform(side, session.resume(session.channels[0]))

    def agree(self) -> set[bytes]:
        """The ids of confirmed keys that both sides have; their keys are equal."""
        first, second = (each.keys for each in self.nodes)
        ready = self.nodes[0].usable | self.nodes[1].usable
        shared = ready & first.keys() & second.keys()
        assert all(first[key_id] == second[key_id] for key_id in shared)
        return shared

    def cut(self) -> None:
        """The connection breaks; what was under way is lost."""
        self.pipes = [bytearray(), bytearray()]
        for side in (0, 1):
            self.perform(side, self.sessions[side].lose("cut"))


def up(
    *, seed: int = 1, times: LinkTimes = QUICK, parameters: ExchangeParameters | None = SMALL
) -> Pair:
    """A pair of nodes with a link, and a channel if there are parameters."""
    pair = Pair(node(0, seed), node(1, seed + 1000), times=times)
    pair.settle()
    if parameters is not None:
        pair.open(parameters=parameters)
    return pair
