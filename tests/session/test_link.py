"""A link between two nodes: hello, proofs, epochs, keep-alive, faults and the gate."""

from dataclasses import replace
from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError, ProtocolStateError, RemoteError
from dynamicrypt.session import link_outbox
from dynamicrypt.session.link import LINES
from dynamicrypt.session.link_alive import LinkTimes
from dynamicrypt.session.link_events import (
    ChannelDown,
    ChannelName,
    EpochBegun,
    LinkDown,
    LinkEvent,
    LinkUp,
    PeerIncarnationChanged,
)
from dynamicrypt.session.link_rekeying import EPOCHS, EPOCHS_PER_SECOND
from dynamicrypt.session.link_states import State
from dynamicrypt.session.link_turns import MAX_AHEAD
from dynamicrypt.wire import link as wire
from dynamicrypt.wire import link_messages as messages
from tests.session.link_pair import SMALL, Pair, make_session, node, up


def lines(data: bytes) -> list[messages.Message | messages.Unknown]:
    return [wire.decode(line) for line in data.split(b"\n")[:-1]]


def down(pair: Pair, side: int) -> LinkDown:
    """The end of the link as one side saw it."""
    (event,) = [event for event in pair.nodes[side].events if isinstance(event, LinkDown)]
    return event


class GreetingTests(SynchronousTestCase):
    def test_both_sides_come_up_and_know_each_other(self) -> None:
        pair = up(parameters=None)
        for side in (0, 1):
            peer = pair.nodes[1 - side]
            (event,) = pair.nodes[side].events
            self.assertEqual(
                event,
                LinkUp(
                    name=f"node{peer.number}",
                    incarnation=peer.incarnation,
                    version=wire.VERSION,
                    features=("queries",),
                ),
            )
            self.assertIs(pair.sessions[side].state, State.UP)

    def test_channels_wait_until_the_node_knows_of_the_link(self) -> None:
        pair = Pair(node(0, 1), node(1, 2))
        pair.deliver(0)
        pair.deliver(1)
        pair.open()
        proof, offer = lines(bytes(pair.pipes[0]))
        self.assertIsInstance(proof, messages.Proof)
        self.assertIsInstance(offer, messages.Open)
        outputs = pair.sessions[1].receive(bytes(pair.pipes[0]), 0.0)
        self.assertIsInstance(outputs[-1], LinkUp)
        self.assertEqual(pair.sessions[1].channels, [])
        pair.sessions[1].receive(b"", 0.0)
        self.assertEqual(pair.sessions[1].channels, [ChannelName("b", "a")])

    def test_role_0_is_the_smaller_fingerprint_and_speaks_first(self) -> None:
        pair = Pair(node(7, 1), node(3, 2))
        self.assertEqual([session.role for session in pair.sessions], [1, 0])
        self.assertEqual([bool(pipe) for pipe in pair.pipes], [False, True])

    def test_equal_fingerprints_are_refused(self) -> None:
        with self.assertRaises(ParameterError):
            Pair(node(1, 1), node(1, 2))

    def test_another_exporter_secret_ends_in_a_wrong_proof(self) -> None:
        pair = Pair(node(0, 1), node(1, 2))
        pair.sessions[1] = make_session(pair.nodes[1], pair.nodes[0], exporter=b"x" * 32)
        pair.sessions[1].start()
        pair.settle()
        self.assertEqual(str(down(pair, 0).error), "a proof that is wrong")
        self.assertIsInstance(down(pair, 1).error, RemoteError)

    def test_another_major_version_is_refused_with_a_clear_reason(self) -> None:
        pair = Pair(node(0, 1), node(1, 2))
        pair.pipes[0][:] = b"hello\t3.0\tsomething\telse\n"
        pair.settle()
        self.assertIsInstance(down(pair, 1).error, wire.VersionError)
        self.assertEqual(down(pair, 1).reason, "the partner speaks 3.0, we speak 2.0")
        self.assertIn("version: the partner speaks 3.0", str(down(pair, 0).error))

    def test_unknown_messages_of_a_newer_minor_version_are_ignored(self) -> None:
        pair = Pair(node(0, 1), node(1, 2))
        self.patch(wire, "VERSION", (2, 1))
        pair.pipes[0].clear()
        pair.sessions[0] = make_session(pair.nodes[0], pair.nodes[1])
        pair.perform(0, pair.sessions[0].start())
        self.patch(wire, "VERSION", (2, 0))
        pair.settle()
        pair.perform(1, pair.sessions[1].receive(b"rumour\t1\n", 0.0))
        self.assertIs(pair.sessions[1].state, State.UP)
        pair.perform(0, pair.sessions[0].receive(b"rumour\t1\n", 0.0))
        self.assertIs(pair.sessions[0].state, State.CLOSED)

    def test_messages_before_the_link_is_up_are_refused(self) -> None:
        for line in (b"ping\t1\n", b"rumour\n", b"accept\t0\t" + b"A" * 43 + b"=\n"):
            pair = Pair(node(0, 1), node(1, 2))
            pair.perform(1, pair.sessions[1].receive(line, 0.0))
            self.assertIsInstance(down(pair, 1).error, RemoteError)

    def test_a_reflected_hello_is_refused(self) -> None:
        pair = Pair(node(0, 1), node(1, 2))
        data = bytes(pair.pipes[0])
        pair.perform(0, pair.sessions[0].receive(data, 0.0))
        self.assertIn("our own", down(pair, 0).reason)

    def test_a_second_hello_is_refused(self) -> None:
        pair = Pair(node(0, 1), node(1, 2))
        hello = bytes(pair.pipes[0])
        pair.settle()
        pair.perform(1, pair.sessions[1].receive(hello, 0.0))
        self.assertEqual(down(pair, 1).reason, "a message in state up")

    def test_a_new_incarnation_is_told_before_the_link_is_up(self) -> None:
        first, second = node(0, 1), node(1, 2)
        first.known = bytes(16)
        Pair(first, second).settle()
        self.assertEqual(first.events[0], PeerIncarnationChanged(incarnation=second.incarnation))
        self.assertIsInstance(first.events[1], LinkUp)

    def test_a_known_incarnation_is_not_told(self) -> None:
        first, second = node(0, 1), node(1, 2)
        first.known = second.incarnation
        Pair(first, second).settle()
        self.assertEqual(first.kinds(), ["LinkUp"])

    def test_a_name_that_cannot_be_sent_is_refused(self) -> None:
        with self.assertRaises(ParameterError):
            make_session(node(0, 1), node(1, 2), name="a\tb")


class EpochTests(SynchronousTestCase):
    TIMES = LinkTimes(epoch=10.0, epoch_keys=1 << 30)

    def tick(self, pair: Pair, seconds: float) -> None:
        pair.now += seconds
        for side in (0, 1):
            pair.perform(side, pair.sessions[side].tick(pair.now))

    def test_role_0_begins_an_epoch_when_the_time_has_come(self) -> None:
        pair = up(times=self.TIMES, parameters=None)
        self.tick(pair, 9.9)
        self.assertEqual(pair.sessions[0].epoch, 0)
        self.tick(pair, 0.1)
        pair.settle()
        for side in (0, 1):
            self.assertEqual(pair.nodes[side].events[-1], EpochBegun(epoch=1))

    def test_an_epoch_begins_after_so_many_keys(self) -> None:
        pair = up(times=LinkTimes(epoch=1e9, epoch_keys=50))
        while len(pair.nodes[0].keys) < 50:
            pair.settle(5)
        self.tick(pair, 1.0)
        pair.settle(20)
        self.assertEqual([session.epoch for session in pair.sessions], [1, 1])
        self.tick(pair, 1.0)
        self.assertEqual(pair.sessions[0].epoch, 1)

    def test_keys_go_on_through_many_epochs(self) -> None:
        pair = up(times=self.TIMES)
        for _ in range(20):
            self.tick(pair, 10.0)
            pair.settle(15)
        self.assertEqual(pair.sessions[1].epoch, 20)
        self.assertGreater(len(pair.agree()), 50)

    def test_rounds_do_not_wait_for_an_epoch(self) -> None:
        pair = up(times=self.TIMES)
        pair.settle(10)
        before = pair.statistics(0).rounds
        self.tick(pair, 10.0)
        pair.settle(10)
        self.assertEqual(pair.statistics(0).rounds - before, 20)
        self.assertEqual(pair.sessions[0].epoch, 1)

    def test_a_paused_channel_drops_the_keys_of_an_old_epoch(self) -> None:
        pair = up(times=self.TIMES)
        pair.settle(10)
        pair.pause(0, 1)
        pair.settle()
        before = pair.statistics(0).rounds
        self.tick(pair, 10.0)
        pair.settle()
        self.assertEqual(pair.statistics(0).rounds - before, 1)
        for session in pair.sessions:
            channel = session.channel(session.channels[0])
            keys = channel._turns._keys
            assert keys is not None
            self.assertEqual((keys.epoch, channel._turns._coming), (1, []))

    def test_a_channel_opened_during_an_exchange_gets_keys(self) -> None:
        for side in (0, 1):
            for early in range(4):
                pair = up(times=self.TIMES, parameters=None)
                self.tick(pair, 10.0)
                for step in range(early):
                    pair.deliver(step % 2)
                pair.open(side=side)
                pair.settle(200)
                self.assertEqual(pair.sessions[0].epoch, 1)
                self.assertTrue(pair.agree(), (side, early))

    def test_role_1_cannot_begin_an_epoch_nor_skip_one(self) -> None:
        pair = up(parameters=None)
        offer = messages.Epoch(epoch=1, share=bytes(wire.OFFER_BYTES), rounds=())
        pair.perform(0, pair.sessions[0].receive(wire.encode(offer), 0.0))
        self.assertIn("answer in state steady", down(pair, 0).reason)
        pair = up(parameters=None)
        pair.perform(1, pair.sessions[1].receive(wire.encode(replace(offer, epoch=2)), 0.0))
        self.assertEqual(down(pair, 1).reason, "epoch 2 after epoch 0")

    def test_a_first_round_that_is_past_far_or_missing_is_refused(self) -> None:
        for rounds in ((), ((0, 0),), ((0, 5),), ((0, 1 << 40),)):
            pair = up(times=self.TIMES)
            pair.settle(10)
            self.tick(pair, 10.0)
            data = bytes(pair.pipes[0])
            for message in lines(data):
                if isinstance(message, messages.Epoch):
                    changed = wire.encode(replace(message, rounds=rounds))
                    data = data.replace(wire.encode(message), changed)
            pair.pipes[0][:] = data
            pair.deliver(0)
            self.assertIn("TurnError", type(down(pair, 1).error).__name__)

    def test_epochs_in_a_loop_end_the_link(self) -> None:
        pair = up(times=LinkTimes(epoch=0.0, epoch_keys=1 << 30))
        pair.settle(10)
        for _ in range(EPOCHS):
            self.tick(pair, 0.0)
            pair.settle(10)
        self.assertEqual(pair.sessions[1].epoch, EPOCHS)
        self.tick(pair, 1 / EPOCHS_PER_SECOND)
        pair.settle(10)
        self.assertEqual(pair.sessions[1].epoch, EPOCHS + 1)
        self.tick(pair, 0.9 / EPOCHS_PER_SECOND)
        pair.settle(10)
        self.assertEqual(down(pair, 1).reason, "epochs that follow each other too fast")
        self.assertEqual(pair.sessions[1].epoch, EPOCHS + 1)

    def test_channels_begin_an_epoch_in_turns(self) -> None:
        pair = up(times=self.TIMES, parameters=None)
        names = [pair.open(f"s{number:02}", f"p{number:02}") for number in range(40)]
        pair.settle(5)
        for name in names:
            pair.perform(0, pair.sessions[0].pause(name))
            other = ChannelName(name.partner, name.service)
            pair.perform(1, pair.sessions[1].pause(other))
        pair.settle()
        self.tick(pair, 10.0)
        rounds: list[int] = []
        pair.tap = lambda _side, data: rounds.append(data.count(b"round\t"))
        pair.settle()
        self.assertLessEqual(max(rounds), 2 * LINES)
        self.assertEqual(sum(rounds), 2 * 40)
        self.assertEqual(pair.sessions[1].epoch, 1)

    def test_channel_that_waits_for_its_turn_has_the_keys_of_every_epoch(self) -> None:
        pair = up(times=LinkTimes(epoch=0.0, epoch_keys=1 << 30))
        pair.settle(10)
        pair.perform(1, pair.sessions[1].gate(closed=True))
        named = count(pair.sessions[0].channel(ChannelName("a", "b")).sent + 4)
        patch = self.patch(pair.sessions[0]._channels, "first_rounds", lambda: ((0, next(named)),))
        for _ in range(2):
            self.tick(pair, 0.0)
            pair.settle()
        patch.restore()
        self.assertEqual(pair.sessions[1].epoch, 2)
        before = pair.statistics(1).rounds
        pair.perform(1, pair.sessions[1].gate(closed=False))
        pair.settle(50)
        self.assertGreater(pair.statistics(1).rounds, before + 20)

    def test_epochs_to_come_are_few_whatever_role_0_names(self) -> None:
        pair = up(times=LinkTimes(epoch=0.0, epoch_keys=1 << 30))
        pair.settle(10)
        for side in (0, 1):
            pair.perform(side, pair.sessions[side].gate(closed=True))
        channel = pair.sessions[1].channel(ChannelName("b", "a"))
        named = count(channel.sent + 1)
        liar = pair.sessions[0]._channels
        self.patch(liar, "first_rounds", lambda: ((0, next(named)),))
        self.patch(liar, "own_turns", lambda _epoch, _rounds: [])
        for _ in range(MAX_AHEAD):
            self.tick(pair, 0.0)
            pair.settle()
        self.assertEqual(len(channel._turns._coming), MAX_AHEAD)
        self.tick(pair, 0.0)
        pair.settle()
        self.assertIn("cannot begin with round", down(pair, 1).reason)

    def test_a_forged_proof_is_refused(self) -> None:
        pair = up(times=self.TIMES, parameters=None)
        self.tick(pair, 10.0)
        pair.deliver(0)
        pipe = pair.pipes[1]
        pipe[-5] ^= 1
        pair.deliver(1)
        self.assertIsNotNone(down(pair, 0).error)


class KeepAliveTests(SynchronousTestCase):
    def tick(self, pair: Pair, seconds: float) -> None:
        pair.now += seconds
        for side in (0, 1):
            pair.perform(side, pair.sessions[side].tick(pair.now))

    def test_a_silent_partner_is_asked_and_then_given_up(self) -> None:
        pair = up(parameters=None)
        self.tick(pair, 4.9)
        self.assertEqual(pair.pipes[0], b"")
        self.tick(pair, 0.1)
        self.assertEqual(pair.pipes[0], b"ping\t1\n")
        self.tick(pair, 10.0)
        self.assertEqual(pair.pipes[0], b"ping\t1\n")
        self.tick(pair, 5.0)
        self.assertEqual(down(pair, 0).reason, "nothing heard for 20 seconds")

    def test_what_came_before_a_host_slept_makes_no_key_when_it_wakes(self) -> None:
        pair = up()
        pair.settle(20)
        self.assertIn("KeyMade", pair.nodes[1].kinds())
        pair.nodes[1].events.clear()
        pair.now += 20.0
        self.assertTrue(pair.deliver(0))
        self.assertEqual(pair.nodes[1].kinds(), ["ChannelDown", "LinkDown"])
        self.assertEqual(down(pair, 1).reason, "nothing heard for 20 seconds")

    def test_an_answer_measures_the_round_trip(self) -> None:
        pair = up(parameters=None)
        pair.perform(0, pair.sessions[0].ping(pair.now))
        pair.perform(0, pair.sessions[0].ping(pair.now))
        self.assertEqual(pair.pipes[0], b"ping\t1\n")
        pair.deliver(0)
        pair.now += 0.25
        pair.deliver(1)
        self.assertEqual(pair.sessions[0].round_trip, 0.25)

    def stall(self, pair: Pair) -> str:
        """Side 1 answers pings and nothing else; why side 0 gives up."""
        for number in range(1, 30):
            pair.now += 1.0
            pair.perform(0, pair.sessions[0].receive(b"", pair.now))
            pair.perform(0, pair.sessions[0].tick(pair.now))
            if pair.sessions[0].state is State.CLOSED:
                self.assertEqual(number, 21)
                return down(pair, 0).reason
        return ""

    def test_a_partner_that_stalls_is_given_up(self) -> None:
        pair = up()
        self.assertEqual(self.stall(pair), "no progress for 20 seconds: channel 0 is opening")
        pair = up()
        pair.settle(10)
        self.assertRegex(self.stall(pair), "no progress for 20 seconds: round [0-9]+ of channel 0")
        pair = up(times=LinkTimes(epoch=0.5, epoch_keys=1 << 30), parameters=None)
        self.assertEqual(self.stall(pair), "no progress for 20 seconds: epoch 1")

    def test_a_partner_that_does_not_read_is_given_up(self) -> None:
        pair = up(parameters=None)
        pair.perform(0, pair.sessions[0].gate(closed=True))
        self.assertEqual(
            self.stall(pair), "no progress for 20 seconds: room for what we send, after 0 times"
        )

    def test_a_partner_that_reads_slowly_is_kept(self) -> None:
        pair = up(parameters=None)
        for _ in range(60):
            pair.perform(0, pair.sessions[0].gate(closed=False))
            pair.perform(0, pair.sessions[0].gate(closed=True))
            pair.now += 1.0
            pair.perform(0, pair.sessions[0].receive(b"", pair.now))
            pair.perform(0, pair.sessions[0].tick(pair.now))
        self.assertIs(pair.sessions[0].state, State.UP)

    def test_a_channel_at_rest_owes_nothing(self) -> None:
        pair = up()
        pair.settle(10)
        pair.pause(0, 1)
        pair.settle()
        self.assertEqual(self.stall(pair), "")

    def test_an_answer_to_no_question_is_refused(self) -> None:
        pair = up(parameters=None)
        pair.perform(0, pair.sessions[0].receive(b"pong\t1\n", 0.0))
        self.assertIsInstance(down(pair, 0).error, RemoteError)

    def test_a_link_that_does_not_come_up_is_given_up(self) -> None:
        pair = Pair(node(0, 1), node(1, 2))
        self.tick(pair, 9.9)
        self.assertNotIn("LinkDown", pair.nodes[1].kinds())
        self.tick(pair, 0.1)
        for side in (0, 1):
            self.assertEqual(down(pair, side).reason, "no link within 10 seconds")


class EndTests(SynchronousTestCase):
    def test_goodbye_ends_both_sides_in_peace(self) -> None:
        pair = up()
        pair.settle(20)
        pair.perform(0, pair.sessions[0].stop("shutdown\n"))
        pair.settle()
        for side in (0, 1):
            end = down(pair, side)
            self.assertIsNone(end.error)
            channel = pair.nodes[side].events[-2]
            assert isinstance(channel, ChannelDown)
            self.assertFalse(channel.by_partner)
        self.assertEqual(down(pair, 1).reason, "shutdown ")

    def test_after_the_end_nothing_happens(self) -> None:
        pair = up()
        pair.settle(20)
        pair.cut()
        for session in pair.sessions:
            self.assertEqual(session.receive(b"ping\t1\n", 1.0), [])
            self.assertEqual(session.tick(1e6), [])
            self.assertEqual(session.stop("again") + session.lose("again"), [])
            self.assertEqual(session.channels, [])
            with self.assertRaises(ProtocolStateError):
                session.start()

    def test_what_came_before_a_fault_counts(self) -> None:
        pair = up()
        while not pair.pipes[0].count(b"confirm"):
            pair.settle(1)
        pair.pipes[0] += b"nonsense\n"
        pair.deliver(0)
        self.assertIn("KeyConfirmed", pair.nodes[1].kinds())
        self.assertEqual(pair.nodes[1].kinds()[-1], "LinkDown")

    def test_the_partner_learns_of_a_fault(self) -> None:
        pair = up(parameters=None)
        pair.perform(0, pair.sessions[0].receive(b"nonsense\n", 0.0))
        pair.deliver(0)
        self.assertIn("linkline: an unknown message", str(down(pair, 1).error))

    def test_channels_need_a_link(self) -> None:
        session = make_session(node(0, 1), node(1, 2))
        name = ChannelName("a", "b")
        with self.assertRaises(ProtocolStateError):
            session.open(name, SMALL, node(0, 1).ledger(name))


class GateTests(SynchronousTestCase):
    def test_a_closed_gate_holds_rounds_and_answers_back(self) -> None:
        pair = up()
        pair.settle(20)
        session = pair.sessions[0]
        pair.perform(0, session.gate(closed=True))
        pair.settle()
        before = pair.carried[0]
        for number in (5, 6, 7):
            pair.perform(0, session.receive(b"ping\t%d\n" % number, 0.0))
        self.assertEqual(pair.carried[0], before)
        pair.perform(0, session.gate(closed=False))
        pongs = [each for each in lines(bytes(pair.pipes[0])) if isinstance(each, messages.Pong)]
        self.assertEqual(pongs, [messages.Pong(number=7)])
        pair.pipes[0][:] = pair.pipes[0].replace(b"pong\t7\n", b"")
        pair.settle(50)
        self.assertTrue(pair.agree())
        self.assertGreater(pair.statistics(0).rounds, 60)

    def test_every_channel_goes_on_when_the_gate_opens(self) -> None:
        pair = up()
        for number in range(5):
            pair.open(f"s{number}", f"p{number}")
        pair.settle(5)
        pair.perform(0, pair.sessions[0].gate(closed=True))
        pair.settle()
        pair.perform(0, pair.sessions[0].gate(closed=False))
        rounds = [each for each in lines(bytes(pair.pipes[0])) if isinstance(each, messages.Round)]
        self.assertEqual(len({each.channel for each in rounds}), 6)

    def busy(self, channels: int) -> Pair:
        """So many channels, each with a round of side 0 due behind its closed gate."""
        pair = up(parameters=None)
        for number in range(channels):
            pair.open(f"s{number:02}", f"p{number:02}")
        pair.settle(5)
        pair.perform(0, pair.sessions[0].gate(closed=True))
        pair.settle()
        return pair

    def turn(self, pair: Pair, outputs: list[bytes | LinkEvent]) -> list[int]:
        """The channels that had a round in one call; what side 0 said does not arrive."""
        data = b"".join(each for each in outputs if isinstance(each, bytes))
        rounds = [each for each in lines(data) if isinstance(each, messages.Round)]
        return list(dict.fromkeys(each.channel for each in rounds))

    def test_many_channels_go_on_in_turns_and_in_order(self) -> None:
        pair = self.busy(40)
        session = pair.sessions[0]
        turns = [self.turn(pair, session.gate(closed=False))]
        while session.waiting:
            turns.append(self.turn(pair, session.receive(b"", 0.0)))
        self.assertEqual([len(turn) for turn in turns], [LINES, LINES, 40 - 2 * LINES])
        self.assertEqual([each for turn in turns for each in turn], list(range(0, 80, 2)))

    def test_who_waited_longest_goes_on_first_when_the_gate_opens_again(self) -> None:
        pair = self.busy(LINES + 2)
        session = pair.sessions[0]
        pair.perform(0, session.gate(closed=False))
        pair.perform(0, session.gate(closed=True))
        self.assertFalse(session.waiting)
        pair.settle()
        turn = self.turn(pair, session.gate(closed=False))
        self.assertEqual(turn[:3], [2 * LINES, 2 * LINES + 2, 0])

    def test_lines_and_channels_share_a_turn(self) -> None:
        pair = self.busy(3 * LINES)
        session = pair.sessions[0]
        session.gate(closed=False)
        outputs = session.receive(b"ping\t1\n" * 3 * LINES, 0.0)
        self.assertEqual(len(self.turn(pair, outputs)), LINES // 2)
        assert isinstance(outputs[0], bytes)
        self.assertEqual(outputs[0].count(b"pong\t"), LINES // 2)

    def test_channel_that_closes_before_its_turn_is_let_be(self) -> None:
        pair = self.busy(LINES + 2)
        session = pair.sessions[0]
        session.gate(closed=False)
        for name in session.channels[-2:]:
            session.close(name, "left")
        self.assertFalse(session.waiting)
        self.assertEqual(session.receive(b"", 0.0), [])

    def test_answers_to_who_takes_none_are_bounded(self) -> None:
        self.patch(link_outbox, "MAX_UNSENT", 100_000)
        pair = up()
        pair.settle(5)
        pair.perform(1, pair.sessions[1].gate(closed=True))
        for number in range(2, 40, 2):
            offer = messages.Open(
                channel=number, service="a", partner="b", nonce=bytes(32), parameters=SMALL
            )
            unknown = messages.Held(channel=number, claims=bytes(32 * 1024), more=True)
            close = messages.Close(channel=number - 2, reason="again")
            data = b"".join(wire.encode(each) for each in (close, offer, unknown))
            pair.perform(1, pair.sessions[1].receive(data, 0.0))
        self.assertIn("more than it takes", down(pair, 1).reason)
        self.assertLess(len(pair.pipes[1]), 200_000)

    def test_a_flood_of_opens_ends_the_link(self) -> None:
        pair = up(parameters=None)
        pair.perform(0, pair.sessions[0].gate(closed=True))
        for number in range(1, 3 * 2048, 2):
            message = messages.Open(
                channel=number, service="x", partner="y", nonce=bytes(32), parameters=SMALL
            )
            pair.perform(0, pair.sessions[0].receive(wire.encode(message), 0.0))
        self.assertIn("too many", down(pair, 0).reason)
