"""A link fed with noise, with real messages out of place, and with floods."""

import tracemalloc
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.session.link import LINES
from dynamicrypt.session.link_events import LinkDown
from dynamicrypt.session.link_states import State
from dynamicrypt.wire import link as wire
from dynamicrypt.wire import link_messages as messages
from tests.session.link_pair import SMALL, Pair, node, up
from tests.wire.link_messages import MESSAGES

#: Numbers that a running channel may really be at.
NEAR = st.integers(0, 24)
NEAR_MESSAGES: st.SearchStrategy[messages.Message] = st.one_of(
    st.builds(
        messages.Round,
        channel=st.integers(0, 1),
        round=NEAR,
        outputs=st.binary(min_size=6, max_size=8),
        probes=st.binary(max_size=2),
    ),
    st.builds(
        messages.Confirm,
        channel=st.just(0),
        first=NEAR,
        tags=st.binary(min_size=16, max_size=16),
    ),
    st.builds(
        messages.Unmatched,
        channel=st.just(0),
        round=NEAR,
        ids=st.binary(min_size=16, max_size=16),
    ),
    st.builds(messages.Pause, channel=st.just(0)),
    st.builds(messages.Resume, channel=st.just(0)),
    st.builds(messages.Close, channel=st.just(0), reason=st.just("x")),
    st.builds(messages.Held, channel=st.just(0), claims=st.just(b""), more=st.booleans()),
    st.builds(
        messages.Open,
        channel=st.sampled_from((1, 2, 3)),
        service=st.just("b"),
        partner=st.sampled_from(("a", "z")),
        nonce=st.just(bytes(32)),
        parameters=st.just(SMALL),
    ),
    st.builds(
        messages.Epoch,
        epoch=st.integers(0, 2),
        share=st.binary(min_size=wire.OFFER_BYTES, max_size=wire.OFFER_BYTES),
        rounds=st.just(((0, 24),)),
    ),
    st.builds(messages.Proof, epoch=st.integers(0, 2), tag=st.binary(min_size=32, max_size=32)),
    st.builds(messages.Ping, number=NEAR),
    st.builds(messages.Pong, number=NEAR),
)
NOISE = st.one_of(
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"") + b"\n"),
    MESSAGES.map(wire.encode),
    NEAR_MESSAGES.map(wire.encode),
    NEAR_MESSAGES.map(wire.encode),
)


def stage(progress: int) -> Pair:
    """A pair before its hellos, up, opening, or running."""
    if progress == 0:
        return Pair(node(0, 1), node(1, 2))
    pair = up(parameters=None)
    if progress > 1:
        pair.open()
    pair.settle((0, 0, 0, 10)[progress])
    return pair


def size_after(pair: Pair, lines: list[bytes]) -> int:
    """Bytes that the process holds more after side 1 has taken the lines."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for line in lines:
        pair.sessions[1].receive(line, 0.0)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return after - before


class FuzzTests(SynchronousTestCase):
    @settings(max_examples=200, deadline=None)
    @given(st.integers(0, 3), st.integers(0, 1), st.lists(NOISE, max_size=12))
    def test_noise_raises_nothing(self, progress: int, side: int, noise: list[bytes]) -> None:
        pair = stage(progress)
        session = pair.sessions[side]
        for data in noise:
            outputs = session.receive(data, 0.0)
            downs = [output for output in outputs if isinstance(output, LinkDown)]
            self.assertEqual(bool(downs), session.state is State.CLOSED and bool(outputs))
        session.tick(1.0)
        session.stop("end")
        self.assertIs(session.state, State.CLOSED)

    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, 1), st.integers(0, 12), st.data())
    def test_a_real_conversation_with_one_change_stays_safe(
        self, side: int, turns: int, data: st.DataObject
    ) -> None:
        pair = up()
        pair.settle(turns)
        pipe = pair.pipes[side]
        if pipe:
            at = data.draw(st.integers(0, len(pipe) - 1))
            pipe[at] ^= data.draw(st.integers(1, 255))
        pair.settle(40)
        for own, peer in (pair.nodes, pair.nodes[::-1]):
            self.assertLessEqual(own.usable, peer.keys.keys())
        pair.agree()


class FloodTests(SynchronousTestCase):
    def test_one_call_takes_a_bounded_number_of_lines(self) -> None:
        session = up(parameters=None).sessions[1]
        (data,) = session.receive(b"ping\t1\n" * 2 * LINES, 0.0)
        self.assertEqual(data, b"pong\t1\n" * LINES)
        self.assertTrue(session.waiting)
        (data,) = session.receive(b"", 0.0)
        self.assertEqual(data, b"pong\t1\n" * LINES)
        self.assertFalse(session.waiting)

    def test_pings_leave_nothing(self) -> None:
        pair = up()
        pair.settle(10)
        pair.sessions[1].gate(closed=True)
        self.assertLess(size_after(pair, [b"ping\t%d\n" % n for n in range(5000)]), 20_000)

    def test_pauses_leave_nothing(self) -> None:
        pair = up()
        pair.settle(10)
        pair.sessions[1].gate(closed=True)
        lines = [b"pause\t0\n", b"resume\t0\n"] * 2000
        self.assertLess(size_after(pair, lines), 20_000)

    def test_refused_channels_leave_nothing(self) -> None:
        pair = up(parameters=None)
        numbers = count(0, 2)
        lines = [
            wire.encode(
                messages.Open(
                    channel=next(numbers),
                    service="x",
                    partner="y",
                    nonce=bytes(32),
                    parameters=SMALL,
                )
            )
            for _ in range(2000)
        ]
        self.assertLess(size_after(pair, lines), 20_000)

    def test_channels_that_come_and_go_leave_nothing(self) -> None:
        pair = up()
        pair.settle(5)
        pair.perform(0, pair.sessions[0].close(pair.sessions[0].channels[0], "x"))
        pair.settle()
        opening = messages.Open(
            channel=0, service="a", partner="b", nonce=bytes(32), parameters=SMALL
        )
        lines = []
        for number in range(2, 402, 2):
            lines.append(wire.encode(opening).replace(b"open\t0", b"open\t%d" % number))
            lines.append(b"close\t%d\t\n" % number)
        self.assertLess(size_after(pair, lines), 50_000)

    def test_too_many_claims_end_the_link(self) -> None:
        pair = up()
        pair.deliver(0)
        line = wire.encode(messages.Held(channel=0, claims=bytes(32 * wire.MAX_KEYS), more=True))
        for _ in range(64):
            pair.perform(1, pair.sessions[1].receive(line, 0.0))
        self.assertNotIn("LinkDown", pair.nodes[1].kinds())
        pair.perform(1, pair.sessions[1].receive(line, 0.0))
        self.assertEqual(pair.nodes[1].kinds()[-1], "LinkDown")
