"""Whatever the network and the two processes do, the two sides never disagree about a key."""

from dataclasses import dataclass, replace
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.params import ExchangeParameters, MachineParameters, Rule
from dynamicrypt.session.channel_states import State as ChannelState
from dynamicrypt.session.link_alive import LinkTimes
from dynamicrypt.session.link_events import ChannelName
from dynamicrypt.session.link_rounds import Rounds
from dynamicrypt.session.link_states import State
from tests.session.link_pair import SMALL, Pair, node

NAMES = (ChannelName("a", "b"), ChannelName("b", "a"))
#: These hardly ever synchronise, but agree for long: with lax probes most keys do not match.
WRONG = ExchangeParameters(
    machine=MachineParameters(K=1, N=64, L=8, rule=Rule.RANDOM_WALK),
    package=16,
    fusion=3,
    machines=6,
    step_limit=1000,
)
TIMES = LinkTimes(hello=1e9, idle=1e9, dead=1e9, epoch=10.0, epoch_keys=1 << 30)

SIDE = st.integers(0, 1)
#: How much still arrives in one direction: nothing, a part of a line, or a lot.
BYTES = st.one_of(st.just(0), st.integers(1, 400), st.integers(1, 20_000))
ACTIONS = st.one_of(
    st.tuples(st.just("settle"), st.integers(1, 30)),
    st.tuples(st.just("settle"), st.integers(1, 30)),
    st.tuples(st.just("deliver"), SIDE, st.integers(1, 400)),
    st.tuples(st.just("deliver"), SIDE, st.integers(1, 4000)),
    st.tuples(st.just("pause"), SIDE),
    st.tuples(st.just("resume"), SIDE),
    st.tuples(st.just("gate"), SIDE, st.booleans()),
    st.tuples(st.just("epoch")),
    st.tuples(st.just("cut"), SIDE, BYTES, BYTES),
    st.tuples(st.just("cut"), SIDE, BYTES, BYTES),
    st.tuples(st.just("restart"), SIDE),
    st.tuples(st.just("open"), SIDE),
    st.tuples(st.just("close"), SIDE),
)


@dataclass
class World:
    """Two hosts, the link between them, and the network in the hands of the test."""

    pair: Pair
    parameters: ExchangeParameters
    seed: int
    #: Processes that the other side does not know to have ended.
    ended: set[int]

    def dial(self) -> None:
        self.pair = Pair(*self.pair.nodes, times=TIMES, exporter=self.fresh())

    def fresh(self) -> bytes:
        self.seed += 1
        return self.seed.to_bytes(32)

    def act(self, action: tuple[object, ...]) -> None:  # noqa: PLR0912  # one case for each
        pair = self.pair
        match action:
            case ("settle", int(turns)):
                pair.settle(turns)
            case ("deliver", int(side), int(size)):
                pair.deliver(side, size)
            case ("pause" | "resume" as what, int(side)):
                session = pair.sessions[side]
                if session.channels:
                    step = session.pause if what == "pause" else session.resume
                    pair.perform(side, step(NAMES[side]))
            case ("gate", int(side), bool(closed)):
                pair.perform(side, pair.sessions[side].gate(closed=closed))
            case ("epoch",):
                pair.now += 10.0
                pair.perform(0, pair.sessions[0].tick(pair.now))
            case ("cut", int(side), int(first), int(second)):
                # Of what either side sent so much still arrives, at any byte, and no answer does.
                pair.deliver(side, first)
                pair.deliver(1 - side, second)
                pair.cut()
                self.dial()
            case ("restart", int(side)):
                pair.cut()
                nodes = list(pair.nodes)
                nodes[side] = node(side, self.seed * 7 + 1)
                nodes[side].parameters[NAMES[side]] = self.parameters
                self.ended.add(side)
                pair.nodes = (nodes[0], nodes[1])
                self.dial()
            case ("open", int(side)):
                session = pair.sessions[side]
                if session.state is State.UP and not session.channels:
                    pair.open(*NAMES[side], side=side, parameters=self.parameters)
            case ("close", int(side)):
                session = pair.sessions[side]
                if session.channels:
                    pair.perform(side, session.close(NAMES[side], "exit"))
        for side in (0, 1):
            if pair.sessions[side].state is State.UP:
                self.ended.discard(1 - side)

    def check(self) -> None:
        """Equal ids carry equal keys, and what an owner may use, now or before, its holder has."""
        for side in (0, 1):
            assert "LinkDown" not in self.faults(side)
            own, peer = self.pair.nodes[side], self.pair.nodes[1 - side]
            if 1 - side not in self.ended:
                assert own.usable <= peer.keys.keys()
            assert not own.disowned & peer.confirmed
        self.pair.agree()

    def faults(self, side: int) -> list[str]:
        return [
            type(event).__name__
            for event in self.pair.nodes[side].events
            if getattr(event, "error", None) is not None
        ]

    def finish(self) -> None:
        """A quiet network for long enough: both sides hold exactly the same keys."""
        for side in (0, 1):
            self.act(("gate", side, False))
        self.pair.settle(100)
        self.act(("open", 0))
        for side in (0, 1):
            self.act(("resume", side))
        self.pair.settle(60)
        for side in (0, 1):
            self.act(("pause", side))
        self.pair.settle()
        self.check()
        first, second = self.pair.nodes
        assert first.keys == second.keys
        assert first.usable | second.usable == set(first.keys)
        for side, session in enumerate(self.pair.sessions):
            channel = session.channel(NAMES[side])
            assert channel.state is ChannelState.RESTING
            assert len(self.pair.nodes[side].ledgers[NAMES[side]]) < 6 * 8
        rounds = [
            s.channel(n).statistics.rounds for s, n in zip(self.pair.sessions, NAMES, strict=True)
        ]
        assert rounds[0] == rounds[1]


def world(seed: int, parameters: ExchangeParameters) -> World:
    pair = Pair(node(0, seed), node(1, seed + 500), times=TIMES)
    for side in (0, 1):
        pair.nodes[side].parameters[NAMES[side]] = parameters
    return World(pair=pair, parameters=parameters, seed=seed, ended=set())


def play(seed: int, parameters: ExchangeParameters, actions: list[tuple[object, ...]]) -> World:
    stage = world(seed, parameters)
    for action in [("settle", 10), ("open", seed % 2), ("settle", 20), *actions]:
        stage.act(action)
        stage.check()
    stage.finish()
    return stage


class PropertyTests(SynchronousTestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, 1 << 16), st.lists(ACTIONS, max_size=25))
    def test_keys_never_disagree(self, seed: int, actions: list[tuple[object, ...]]) -> None:
        play(seed, replace(SMALL, fusion=1 + seed % 3), actions)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, 1 << 16), st.lists(ACTIONS, max_size=25))
    def test_keys_that_do_not_match_never_disagree(
        self, seed: int, actions: list[tuple[object, ...]]
    ) -> None:
        with patch.object(
            Rounds, "_probe", lambda rounds, _keys, _number: bytes(len(rounds.probed))
        ):
            play(seed, WRONG, actions)

    def test_the_story_of_a_long_night(self) -> None:
        stage = play(
            5,
            SMALL,
            [
                *[
                    ("settle", 40),
                    ("epoch",),
                    ("settle", 3),
                    ("cut", 0, 0, 0),
                    ("settle", 10),
                    ("open", 1),
                ]
                * 10,
                ("restart", 0),
                *[("settle", 10), ("open", 0), ("settle", 40), ("cut", 1, 1 << 20, 0)] * 5,
                ("restart", 1),
            ],
        )
        for each in stage.pair.nodes:
            self.assertTrue(each.usable)
        kinds = stage.pair.nodes[0].kinds()
        self.assertEqual(kinds.count("PeerIncarnationChanged"), 1)
