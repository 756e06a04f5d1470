"""Channels of a link: opening, rounds, keys, confirmations, pauses, and partners that lie."""

from collections.abc import Callable
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError, ProtocolStateError, RemoteError
from dynamicrypt.params import ExchangeParameters, MachineParameters, Rule
from dynamicrypt.session import link_channels
from dynamicrypt.session.channel_states import TRANSITIONS, ChannelStateError, Move, State
from dynamicrypt.session.link_events import (
    ChannelDown,
    ChannelName,
    ChannelRefused,
    ChannelUp,
    KeyConfirmed,
    KeyMade,
    KeyUnmatched,
    LinkDown,
)
from dynamicrypt.session.link_rounds import Rounds
from dynamicrypt.wire import link as wire
from dynamicrypt.wire import link_messages as messages
from tests.session.link_pair import SMALL, Pair, node, up

NAME = ChannelName("a", "b")
QUERIES = ExchangeParameters(
    machine=MachineParameters(K=3, N=16, L=2, rule=Rule.RANDOM_WALK),
    query=1200,
    package=1,
    fusion=1,
    machines=16,
    step_limit=1000,
)


def change(
    pair: Pair, side: int, edit: Callable[[messages.Message], messages.Message | None]
) -> int:
    """Edit the messages that wait on their way from `side`; how many were changed or dropped."""
    changed = 0
    data = b""
    for line in bytes(pair.pipes[side]).split(b"\n")[:-1]:
        message = wire.decode(line)
        assert not isinstance(message, messages.Unknown)
        new = edit(message)
        changed += new != message
        data += b"" if new is None else wire.encode(new)
    pair.pipes[side][:] = data
    return changed


def fault(pair: Pair, side: int) -> RemoteError | None:
    """The fault that ended the link, as `side` saw it."""
    (event,) = [event for event in pair.nodes[side].events if isinstance(event, LinkDown)]
    return event.error


class OpeningTests(SynchronousTestCase):
    def test_a_channel_comes_up_on_both_sides_and_makes_keys(self) -> None:
        for side in (0, 1):
            pair = up(parameters=None)
            pair.open(side=side)
            pair.settle(100)
            self.assertIn(ChannelUp(channel=NAME), pair.nodes[side].events)
            self.assertIn(ChannelUp(channel=ChannelName("b", "a")), pair.nodes[1 - side].events)
            self.assertGreater(len(pair.agree()), 10)

    def test_the_first_round_travels_with_the_opening(self) -> None:
        pair = up()
        pair.deliver(0)
        pair.deliver(1)
        self.assertIn(b"round\t0\t1\t", pair.pipes[0])

    def test_an_unknown_pair_is_refused(self) -> None:
        pair = up(parameters=None)
        name = pair.open()
        pair.nodes[1].parameters.clear()
        pair.settle()
        self.assertEqual(
            pair.nodes[0].events[-1],
            ChannelRefused(channel=name, reason="unknown", detail="no such pair"),
        )
        self.assertEqual([session.channels for session in pair.sessions], [[], []])

    def test_every_number_must_be_the_same_on_both_sides(self) -> None:
        machine = SMALL.machine
        others = {
            "K is 3 here, 2 there": replace(SMALL, machine=replace(machine, K=2)),
            "N is 8 here, 9 there": replace(SMALL, machine=replace(machine, N=9)),
            "L is 2 here, 1 there": replace(SMALL, machine=replace(machine, L=1)),
            "rule is random-walk here, hebbian there": replace(
                SMALL, machine=replace(machine, rule=Rule.HEBBIAN)
            ),
            "inputs is random here, query:700 there; B is 8 here, 1 there": replace(
                SMALL, query=700, package=1
            ),
            "B is 8 here, 4 there": replace(SMALL, package=4),
            "m is 1 here, 2 there": replace(SMALL, fusion=2),
            "machines is 8 here, 9 there": replace(SMALL, machines=9),
            "agreements is 32 here, 40 there": replace(SMALL, agreements=40),
            "step limit is 400 here, 401 there": replace(SMALL, step_limit=401),
        }
        for detail, parameters in others.items():
            pair = up(parameters=None)
            pair.nodes[1].parameters[ChannelName("b", "a")] = SMALL
            pair.open(parameters=parameters)
            pair.settle()
            self.assertEqual(
                pair.nodes[0].events[-1],
                ChannelRefused(channel=NAME, reason="parameters", detail=detail),
            )

    def test_channels_opened_from_both_sides_at_once_become_one(self) -> None:
        pair = up(parameters=None)
        pair.open("a", "b", side=0)
        pair.open("b", "a", side=1)
        pair.settle(50)
        for side in (0, 1):
            kinds = pair.nodes[side].kinds()
            self.assertEqual(kinds.count("ChannelUp"), 1)
            self.assertEqual(kinds.count("ChannelRefused"), 0)
            self.assertEqual(len(pair.sessions[side].channels), 1)
        self.assertTrue(pair.agree())

    def test_a_crossed_channel_does_not_linger_when_the_other_is_closed(self) -> None:
        pair = up(parameters=None)
        pair.open("a", "b", side=0)
        pair.open("b", "a", side=1)
        pair.perform(0, pair.sessions[0].close(NAME, "exit"))
        pair.settle(50)
        self.assertEqual([session.channels for session in pair.sessions], [[], []])
        pair.open("a", "b", side=0)
        pair.settle(50)
        self.assertTrue(pair.agree())

    def test_an_open_channel_is_not_opened_again(self) -> None:
        pair = up()
        pair.settle(20)
        with self.assertRaises(ProtocolStateError):
            pair.open()
        message = messages.Open(
            channel=1, service="b", partner="a", nonce=bytes(32), parameters=SMALL
        )
        pair.perform(0, pair.sessions[0].receive(wire.encode(message), 0.0))
        self.assertIn(b"refuse\t1\texists\t", pair.pipes[0])

    def test_numbers_of_channels_are_used_once_and_by_their_side(self) -> None:
        for number in (0, 1, 2, 6):
            pair = up(parameters=None)
            for taken in range(2):
                pair.open(f"s{taken}", f"p{taken}", side=0)
            pair.settle(5)
            message = messages.Open(
                channel=number, service="x", partner="y", nonce=bytes(32), parameters=SMALL
            )
            pair.perform(1, pair.sessions[1].receive(wire.encode(message), 0.0))
            if number == 6:
                self.assertIn(b"refuse\t6\tunknown", pair.pipes[1])
            else:
                self.assertIn("cannot be opened", str(fault(pair, 1)))

    def test_names_are_checked(self) -> None:
        pair = up(parameters=None)
        for name in (ChannelName("", "b"), ChannelName("a", "b\n")):
            with self.assertRaises(ParameterError):
                pair.sessions[0].open(name, SMALL, pair.nodes[0].ledger(name))

    def test_a_link_has_a_limit_of_channels(self) -> None:
        pair = up(parameters=None)
        self.patch(link_channels, "MAX_CHANNELS", 3)
        for number in range(3):
            pair.open(f"s{number}", f"p{number}")
        with self.assertRaises(ProtocolStateError):
            pair.open("one", "more")
        pair.settle(5)
        message = messages.Open(
            channel=1, service="x", partner="y", nonce=bytes(32), parameters=SMALL
        )
        pair.perform(0, pair.sessions[0].receive(wire.encode(message), 0.0))
        self.assertIn(b"refuse\t1\ttoo-many", pair.pipes[0])


class KeyTests(SynchronousTestCase):
    def test_keys_are_numbered_and_owned_in_turns(self) -> None:
        pair = up()
        pair.settle(200)
        for side in (0, 1):
            made = [event for event in pair.nodes[side].events if isinstance(event, KeyMade)]
            self.assertEqual([event.number for event in made], list(range(len(made))))
            for event in made:
                self.assertEqual(event.owner, event.number % 2 == side)
                self.assertEqual(len(event.key), 32)

    def test_an_owned_key_is_usable_only_after_its_confirmation(self) -> None:
        pair = up()
        while not pair.nodes[0].owned:
            pair.deliver(0)
            pair.deliver(1)
        pair.settle(60)
        for side in (0, 1):
            events = pair.nodes[side].events
            made = {e.id: at for at, e in enumerate(events) if isinstance(e, KeyMade)}
            confirmed = {e.id: at for at, e in enumerate(events) if isinstance(e, KeyConfirmed)}
            self.assertTrue(confirmed)
            for key_id, at in confirmed.items():
                self.assertLess(made[key_id], at)

    def test_fusion_takes_several_machines_for_a_key(self) -> None:
        pair = up(parameters=replace(SMALL, fusion=5))
        pair.settle(300)
        statistics = pair.statistics(0)
        self.assertEqual(statistics.keys, statistics.passes // 5)
        self.assertGreater(len(pair.agree()), 5)

    def test_queries_make_keys(self) -> None:
        pair = up(parameters=QUERIES)
        pair.settle(500)
        self.assertGreater(len(pair.agree()), 5)
        self.assertGreaterEqual(pair.statistics(0).rounds, 990)

    def test_all_rules_and_a_single_machine_make_keys(self) -> None:
        for rule in Rule:
            machine = MachineParameters(K=3, N=32, L=1, rule=rule)
            pair = up(parameters=replace(SMALL, machine=machine, machines=1))
            pair.settle(300)
            self.assertTrue(pair.agree(), rule)

    def test_slow_machines_are_drawn_anew(self) -> None:
        pair = up(parameters=replace(SMALL, step_limit=100))
        pair.settle(200)
        pair.pause(0, 1)
        pair.settle()
        statistics = pair.statistics(0)
        self.assertGreater(statistics.restarts, 0)
        self.assertGreater(statistics.keys, 0)
        self.assertEqual(statistics, replace(pair.statistics(1), confirmed=statistics.confirmed))

    def test_keys_that_do_not_match_are_erased_on_both_sides(self) -> None:
        # Every machine that is probed passes, equal or not: most keys do not match.
        self.patch(Rounds, "_probe", lambda rounds, _keys, _number: bytes(len(rounds.probed)))
        parameters = replace(
            SMALL, machine=MachineParameters(K=1, N=64, L=8, rule=Rule.RANDOM_WALK), fusion=3
        )
        pair = up(parameters=parameters)
        pair.settle(400)
        pair.pause(0, 1)
        pair.settle()
        unmatched = [
            {event.id for event in each.events if isinstance(event, KeyUnmatched)}
            for each in pair.nodes
        ]
        self.assertGreater(len(unmatched[0]), 5)
        self.assertEqual(unmatched[0], unmatched[1])
        first, second = pair.nodes
        self.assertEqual(first.keys, second.keys)
        self.assertEqual(first.usable | second.usable, set(first.keys))
        self.assertNotIn("LinkDown", first.kinds())

    def test_ledgers_stay_small(self) -> None:
        pair = up()
        for _ in range(20):
            pair.settle(50)
            for each in pair.nodes:
                for ledger in each.ledgers.values():
                    self.assertLess(len(ledger), 4 * SMALL.machines)


class PauseTests(SynchronousTestCase):
    def test_rounds_end_when_both_sides_have_enough(self) -> None:
        pair = up()
        pair.settle(20)
        pair.pause(0)
        pair.settle(20)
        rounds = pair.statistics(0).rounds
        self.assertGreater(rounds, 60)
        pair.pause(1)
        pair.settle()
        self.assertLess(pair.statistics(0).rounds, rounds + 5)
        self.assertEqual(pair.statistics(0).rounds, pair.statistics(1).rounds)
        self.assertEqual(pair.pipes, [b"", b""])

    def test_either_side_resumes(self) -> None:
        for side in (0, 1):
            pair = up()
            pair.settle(20)
            pair.pause(0, 1)
            pair.settle()
            rounds = pair.statistics(0).rounds
            pair.resume(side)
            pair.settle(50)
            self.assertGreater(pair.statistics(0).rounds, rounds + 50)
            self.assertTrue(pair.agree())

    def test_a_part_filled_group_survives_a_pause(self) -> None:
        pair = up(parameters=replace(SMALL, fusion=7))
        while pair.statistics(0).passes % 7 < 2:
            pair.settle(1)
        pair.pause(0, 1)
        pair.settle()
        pair.resume(0, 1)
        pair.settle(200)
        self.assertEqual(pair.statistics(0).keys, pair.statistics(0).passes // 7)
        self.assertTrue(pair.agree())

    def test_a_pause_before_the_channel_is_up_holds_once_it_is(self) -> None:
        pair = up()
        pair.pause(0)
        self.assertNotIn(b"pause", pair.pipes[0])
        pair.settle(2)
        pair.pause(1)
        pair.settle()
        self.assertLess(pair.statistics(0).rounds, 5)

    def test_pausing_twice_says_it_once(self) -> None:
        pair = up()
        pair.settle(20)
        pair.pause(0, 0)
        self.assertEqual(pair.pipes[0].count(b"pause"), 1)
        pair.resume(0, 0)
        self.assertEqual(pair.pipes[0].count(b"resume"), 1)


class ClosingTests(SynchronousTestCase):
    def test_the_partner_learns_the_reason_and_the_link_stays(self) -> None:
        pair = up()
        pair.settle(20)
        pair.perform(0, pair.sessions[0].close(NAME, "exit"))
        pair.settle()
        self.assertEqual(
            pair.nodes[1].events[-1],
            ChannelDown(channel=ChannelName("b", "a"), reason="exit", by_partner=True),
        )
        self.assertEqual([session.channels for session in pair.sessions], [[], []])
        pair.open()
        pair.settle(50)
        self.assertTrue(pair.agree())

    def test_both_sides_may_close_at_once(self) -> None:
        pair = up()
        pair.settle(20)
        pair.perform(0, pair.sessions[0].close(NAME, "exit"))
        pair.perform(1, pair.sessions[1].close(ChannelName("b", "a"), "exit"))
        pair.settle()
        for each in pair.nodes:
            self.assertEqual(each.kinds().count("ChannelDown"), 1)
            self.assertNotIn("LinkDown", each.kinds())

    def test_a_channel_that_is_closed_before_it_is_accepted_leaves_nothing(self) -> None:
        pair = up()
        pair.perform(0, pair.sessions[0].close(NAME, "exit"))
        pair.settle()
        self.assertEqual([session.channels for session in pair.sessions], [[], []])
        self.assertNotIn("LinkDown", pair.nodes[0].kinds() + pair.nodes[1].kinds())

    def test_a_closed_channel_holds_zeros(self) -> None:
        pair = up()
        pair.settle(20)
        channel = pair.sessions[0].channel(NAME)
        keys = channel._turns._keys
        assert keys is not None
        view = keys._row[b"salt"]
        self.assertTrue(any(view))
        pair.perform(0, pair.sessions[0].close(NAME, "exit"))
        self.assertFalse(any(view))

    def test_there_is_nothing_to_do_for_an_unknown_channel(self) -> None:
        pair = up()
        for action in (pair.sessions[0].pause, pair.sessions[0].resume):
            with self.assertRaises(ProtocolStateError):
                action(ChannelName("x", "y"))


class LeavingTests(SynchronousTestCase):
    def test_keys_that_the_partner_forgot_during_a_cut_are_erased(self) -> None:
        for turns in range(4, 60, 3):
            for leaving in (0, 1):
                pair = up(seed=turns)
                pair.settle(turns)
                pair.cut()
                own = pair.nodes[leaving]
                own.keys.clear()
                own.owned.clear()
                own.ledgers.clear()
                for each in pair.nodes:
                    each.events.clear()
                pair = Pair(*pair.nodes)
                pair.settle()
                pair.open()
                pair.settle(30)
                for side in (0, 1):
                    self.assertNotIn("LinkDown", pair.nodes[side].kinds())
                    self.assertLessEqual(pair.nodes[side].usable, pair.nodes[1 - side].keys.keys())
                self.assertTrue(pair.agree())

    def test_keys_stay_where_nobody_forgot_them(self) -> None:
        pair = up()
        pair.settle(40)
        ready = pair.agree()
        pair.cut()
        pair = Pair(*pair.nodes)
        pair.settle()
        pair.open()
        pair.settle(10)
        self.assertLessEqual(ready, pair.agree())
        self.assertNotIn("KeysForgotten", pair.nodes[0].kinds() + pair.nodes[1].kinds())


class LyingPartnerTests(SynchronousTestCase):
    def lie(
        self, edit: Callable[[messages.Message], messages.Message | None], turns: int = 60
    ) -> Pair:
        """A running pair in which side 0 lies once."""
        pair = up()
        for _ in range(turns):
            if change(pair, 0, edit):
                break
            pair.settle(1)
        else:
            self.fail("nothing to lie about")
        pair.settle(20)
        return pair

    def assert_fault(self, pair: Pair, text: str) -> None:
        self.assertIn(text, str(fault(pair, 1)))
        self.assertIn(text, str(fault(pair, 0)))

    def test_a_round_out_of_order_is_refused(self) -> None:
        def edit(message: messages.Message) -> messages.Message:
            if isinstance(message, messages.Round) and message.round == 9:
                return replace(message, round=10)
            return message

        self.assert_fault(self.lie(edit), "round 10 while 9 is due")

    def test_a_round_that_is_missing_is_noticed_with_the_next(self) -> None:
        def edit(message: messages.Message) -> messages.Message | None:
            if isinstance(message, messages.Round) and message.round == 9:
                return None
            return message

        self.assert_fault(self.lie(edit), "round 10 while 9 is due")

    def test_a_package_of_another_length_is_refused(self) -> None:
        for outputs in (b"", bytes(7), bytes(9)):

            def edit(message: messages.Message, outputs: bytes = outputs) -> messages.Message:
                if isinstance(message, messages.Round) and message.round == 9:
                    return replace(message, outputs=outputs)
                return message

            self.assert_fault(self.lie(edit), "another length than ours")

    def test_a_package_that_waited_for_room_is_checked_when_there_is_some(self) -> None:
        pair = up()
        pair.settle(5)
        pair.perform(1, pair.sessions[1].gate(closed=True))
        due = pair.sessions[1].channel(ChannelName("b", "a")).sent + 1

        def edit(message: messages.Message) -> messages.Message:
            if isinstance(message, messages.Round) and message.round == due:
                return replace(message, outputs=b"")
            return message

        for _ in range(10):
            change(pair, 0, edit)
            pair.settle(1)
        self.assertNotIn("LinkDown", pair.nodes[1].kinds())
        pair.perform(1, pair.sessions[1].gate(closed=False))
        pair.settle()
        self.assert_fault(pair, "another length")

    def test_probes_nobody_asked_for_are_refused(self) -> None:
        def edit(message: messages.Message) -> messages.Message:
            if isinstance(message, messages.Round) and not message.probes:
                return replace(message, probes=b"x")
            return message

        self.assert_fault(self.lie(edit), "another length than ours")

    def test_padding_that_is_not_zero_is_refused(self) -> None:
        pair = up(parameters=replace(SMALL, package=1, machines=3))
        pair.settle(5)

        def edit(message: messages.Message) -> messages.Message:
            if isinstance(message, messages.Round) and message.outputs:
                return replace(message, outputs=bytes([message.outputs[0] | 0x80]))
            return message

        change(pair, 0, edit)
        pair.settle(20)
        self.assert_fault(pair, "padding that is not zero")

    def test_inputs_from_the_wrong_side_are_refused(self) -> None:
        def edit(message: messages.Message) -> messages.Message:
            if isinstance(message, messages.Round) and message.round == 9:
                return messages.Query(
                    channel=0, round=9, inputs=b"", outputs=message.outputs, probes=message.probes
                )
            return message

        self.assert_fault(self.lie(edit), "does not choose them")

    def test_queries_of_another_length_are_refused(self) -> None:
        pair = up(parameters=QUERIES)
        pair.settle(5)

        def edit(message: messages.Message) -> messages.Message:
            if isinstance(message, messages.Query):
                return replace(message, inputs=message.inputs + bytes(16))
            return message

        while not change(pair, 0, edit):
            pair.settle(1)
        pair.settle(20)
        self.assert_fault(pair, "another length than the active machines need")

    def test_wrong_outputs_never_give_a_usable_key_that_differs(self) -> None:
        pair = up()
        for _ in range(300):
            change(
                pair,
                0,
                lambda message: (
                    replace(message, outputs=bytes(len(message.outputs)))
                    if isinstance(message, messages.Round)
                    else message
                ),
            )
            pair.deliver(0)
            pair.deliver(1)
        self.assertFalse(pair.nodes[0].usable | pair.nodes[1].usable)

    def test_a_confirmation_out_of_turn_is_refused(self) -> None:
        for change_first in (-2, 2):

            def edit(message: messages.Message, by: int = change_first) -> messages.Message:
                if isinstance(message, messages.Confirm) and message.first > 2:
                    return replace(message, first=message.first + by)
                return message

            self.assert_fault(self.lie(edit, 300), "a confirmation of key")

    def test_a_confirmation_of_a_key_not_made_is_refused(self) -> None:
        def edit(message: messages.Message) -> messages.Message:
            if isinstance(message, messages.Confirm):
                return replace(message, tags=message.tags + bytes(16 * 20))
            return message

        self.assert_fault(self.lie(edit, 300), "not made")

    def test_a_wrong_tag_costs_its_key_only(self) -> None:
        def edit(message: messages.Message) -> messages.Message:
            if isinstance(message, messages.Confirm):
                return replace(message, tags=bytes(len(message.tags)))
            return message

        pair = self.lie(edit, 300)
        pair.settle(50)
        self.assertEqual(pair.nodes[1].kinds().count("KeyUnmatched"), 1)
        self.assertEqual(pair.nodes[0].kinds().count("KeyUnmatched"), 1)
        self.assertTrue(pair.nodes[1].usable)
        self.assertTrue(pair.agree())

    def test_a_withheld_confirmation_ends_the_link_before_keys_pile_up(self) -> None:
        pair = up()
        for _ in range(300):
            change(pair, 0, lambda each: None if isinstance(each, messages.Confirm) else each)
            pair.deliver(0)
            pair.deliver(1)
        self.assert_fault(pair, "before the confirmations")
        self.assertTrue(pair.nodes[1].owned)
        self.assertFalse(pair.nodes[1].usable)
        self.assertLessEqual(len(pair.nodes[1].ledger(ChannelName("b", "a"))), SMALL.machines)

    def test_disowning_a_key_that_is_not_open_is_refused(self) -> None:
        for ids, round_ahead, text in (
            (bytes(16), 1, "disowned a key"),
            (bytes(16), 2, "a group discarded"),
            (b"", 1, "a group discarded"),
        ):
            pair = up()
            pair.settle(20)
            pair.pause(0, 1)
            pair.settle()
            message = messages.Unmatched(
                channel=0, round=pair.statistics(1).rounds + round_ahead, ids=ids
            )
            pair.perform(1, pair.sessions[1].receive(wire.encode(message), 0.0))
            self.assertIn(text, str(fault(pair, 1)))

    def test_claims_are_not_repeated_in_parts_nor_later(self) -> None:
        for claims, more in ((b"", True), (bytes(32), True), (b"", False)):
            pair = up()
            pair.settle(10)
            if more:
                pair = up()
                pair.deliver(0)
            message = messages.Held(channel=0, claims=claims, more=more)
            pair.perform(1, pair.sessions[1].receive(wire.encode(message), 0.0))
            self.assertIsInstance(fault(pair, 1), RemoteError)

    def test_messages_of_channels_that_never_were_are_refused(self) -> None:
        for line in (b"pause\t7\n", b"round\t1\t1\t\t\n", b"resume\t4\n"):
            pair = up()
            pair.settle(5)
            pair.perform(1, pair.sessions[1].receive(line, 0.0))
            self.assertIn("there is no channel", str(fault(pair, 1)))

    def test_pausing_twice_is_refused(self) -> None:
        pair = up()
        pair.settle(20)
        pair.perform(1, pair.sessions[1].receive(b"pause\t0\npause\t0\n", 0.0))
        self.assertIsInstance(fault(pair, 1), ChannelStateError)


class ViewTests(SynchronousTestCase):
    def test_machines_are_shown_while_the_channel_is_open(self) -> None:
        pair = up()
        channel = pair.sessions[0].channel(NAME)
        self.assertEqual(channel.machines, [])
        pair.settle(100)
        views = channel.machines
        self.assertEqual([view.number for view in views], list(range(SMALL.machines)))
        self.assertTrue(any(view.run for view in views))
        self.assertTrue(any(view.steps for view in views))
        pair.cut()
        self.assertEqual(channel.machines, [])


class TableTests(SynchronousTestCase):
    def test_a_failed_look_up_changes_nothing(self) -> None:
        pair = up()
        pair.settle(20)
        channel = pair.sessions[0].channel(NAME)
        with self.assertRaises(ChannelStateError):
            channel.receive(messages.Accept(channel=0, nonce=bytes(32)))
        self.assertIs(channel.state, State.RUNNING)
        pair.settle(20)
        self.assertTrue(pair.agree())

    def test_closed_is_final(self) -> None:
        self.assertFalse([move for state, move in TRANSITIONS if state is State.CLOSED])

    def test_every_state_and_move_is_used(self) -> None:
        states = {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values())
        self.assertEqual(states, set(State))
        self.assertEqual({move for _, move in TRANSITIONS}, set(Move))

    def test_keys_do_not_show_in_representations(self) -> None:
        pair = Pair(node(0, 1), node(1, 2))
        pair.settle()
        pair.open()
        pair.settle(60)
        for event in pair.nodes[0].events:
            if isinstance(event, KeyMade):
                self.assertNotIn(bytes(event.key).hex(), repr(event))
                self.assertNotIn(repr(bytes(event.key)), repr(event))
