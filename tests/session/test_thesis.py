"""The session of wire 1: the captured run, two sessions fed to each other, and a lying partner."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt._core import HEBBIAN, Machine
from dynamicrypt.errors import ProtocolStateError, RemoteError
from dynamicrypt.params import THESIS, MachineParameters, Rule
from dynamicrypt.session.thesis import ThesisSession, check_hash
from dynamicrypt.session.thesis_events import (
    Accepted,
    Dialled,
    Event,
    KeyBorn,
    KeyConfirmed,
    RunDiscarded,
)
from dynamicrypt.session.thesis_states import TRANSITIONS, Move, State, UnexpectedMessageError
from dynamicrypt.tpm.inputs import PublicStream
from dynamicrypt.wire.thesis import Hello, Message, Reply, Restart, Step, Welcome, decode, encode

RANDOM = Random(2019)
CAPTURE = json.loads((Path(__file__).parent.parent / "vectors" / "thesis-sync.json").read_text())


class Urandom:
    """Weights from the operating system; counts the draws."""

    def __call__(self, buffer: memoryview) -> None:
        buffer[:] = os.urandom(len(buffer))


class Recorded:
    """The vectors and salts that one side of the capture drew; a constant for the run after it."""

    def __init__(self, messages: list[Message]) -> None:
        drawn = [message for message in messages if isinstance(message, Step | Reply)]
        self._vectors = iter([message.vector for message in drawn])
        self._salts = iter([message.salt for message in drawn if isinstance(message, Reply)])

    def vector(self, entries: int) -> bytes:
        return next(self._vectors, b"\x01" * entries)

    def letters(self, count: int) -> bytes:
        return next(self._salts, b"s" * count)


def new_session(
    inputs: PublicStream | Recorded | None = None,
    parameters: MachineParameters = THESIS,
    own_id: int = 1,
) -> tuple[ThesisSession, Machine]:
    """A session with its machine."""
    machine = Machine(parameters.K, parameters.N, parameters.L, HEBBIAN, Urandom())
    session = ThesisSession(
        machine=machine,
        parameters=parameters,
        inputs=inputs or PublicStream(os.urandom),
        own_id=own_id,
    )
    return session, machine


def converse(
    dialler: ThesisSession, listener: ThesisSession, parameters: MachineParameters = THESIS
) -> Iterator[tuple[ThesisSession, Event]]:
    """Feed two sessions to each other over encoded lines, in step; yields what happens."""
    side, other = listener, dialler
    pending: list[Message | Event] = list(dialler.dial("alice", "bob"))
    while True:
        lines = []
        for result in pending:
            if isinstance(result, Message):
                lines.append(encode(result))
            else:
                yield other, result
                if isinstance(result, Dialled):
                    lines += [encode(message) for message in other.accept()]
        pending = []
        for line in lines:
            pending += side.receive(decode(line, parameters.weights))
        side, other = other, side


class CapturedRunTests(SynchronousTestCase):
    def replay(self, me: str) -> KeyBorn:
        """Drive one side with what the other sent; every line it sends must be the captured one."""
        lines = [(who, decode(text.encode("latin-1"), 72)) for who, text in CAPTURE["lines"]]
        own = [message for who, message in lines if who == me]
        theirs = [message for who, message in lines if who != me]
        session, machine = new_session(Recorded(own), own_id=first_sender(own))
        said: list[Message | Event] = []
        if me == "dialler":
            session.dial("a", "b")
        else:
            session.receive(Hello(sender=first_sender(theirs), service="a", partner="b"))
            session.accept()
        machine.set_weights(bytes(w & 0xFF for w in CAPTURE[f"{me}_initial_weights"]))
        if me == "dialler":
            said += session.receive(
                Welcome(sender=first_sender(theirs), addressee=first_sender(own))
            )
        for message in theirs:
            said += session.receive(message)
        sent = [result for result in said if isinstance(result, Message)]
        self.assertEqual(sent[: len(own)], own)
        (born,) = [result for result in said if isinstance(result, KeyBorn)]
        return born

    def test_both_sides_say_and_find_what_the_2019_program_did(self) -> None:
        for me, confirmed in (("dialler", False), ("listener", True)):
            with self.subTest(me):
                born = self.replay(me)
                self.assertEqual(born.key.decode(), CAPTURE["key"])
                self.assertEqual(born.confirmed, confirmed)


def first_sender(messages: list[Message]) -> int:
    return messages[0].sender


class TwoSessionsTests(SynchronousTestCase):
    def test_both_sides_find_the_same_keys(self) -> None:
        dialler, listener = new_session(own_id=1)[0], new_session(own_id=2)[0]
        keys: dict[ThesisSession, list[bytes]] = {dialler: [], listener: []}
        for session, event in converse(dialler, listener):
            if isinstance(event, KeyBorn):
                keys[session].append(bytes(event.key))
                self.assertEqual(event.number, len(keys[session]) - 1)
            if min(map(len, keys.values())) == 5:
                break
        self.assertEqual(keys[dialler], keys[listener])
        self.assertEqual(len(set(keys[dialler])), 5)

    def test_finder_of_a_key_has_it_confirmed_by_the_answer(self) -> None:
        dialler, listener = new_session(own_id=1)[0], new_session(own_id=2)[0]
        events: dict[ThesisSession, list[Event]] = {dialler: [], listener: []}
        for session, event in converse(dialler, listener):
            events[session].append(event)
            if isinstance(event, KeyConfirmed):
                break
        born = {side: next(e for e in events[side] if isinstance(e, KeyBorn)) for side in events}
        finder = next(side for side in events if not born[side].confirmed)
        self.assertIsInstance(events[finder][-1], KeyConfirmed)
        self.assertEqual(sum(one.confirmed for one in born.values()), 1)

    def test_run_is_discarded_at_the_maximum_of_iterations(self) -> None:
        """Weights that cannot become equal: each side is given one that the clip keeps apart."""
        tiny = MachineParameters(K=1, N=1, L=1, rule=Rule.HEBBIAN)
        sessions = [new_session(parameters=tiny, own_id=number) for number in (1, 2)]
        discarded = 0
        for (_, machine), weight in zip(sessions, (b"\x01", b"\xff"), strict=True):
            machine.set_weights(weight)
        for _, event in converse(sessions[0][0], sessions[1][0], tiny):
            discarded += isinstance(event, RunDiscarded)
            if discarded == 2:
                break
        self.assertEqual(discarded, 2)

    def test_names_no_key_in_its_representation(self) -> None:
        born = KeyBorn(number=3, key=bytearray(b"620044"), iterations=5, confirmed=True)
        self.assertNotIn("620044", repr(born))


def reply(session: ThesisSession, *, sender: int = 9, agreed: bool = True) -> Reply:
    """A well-formed reply whose echo and sender fit."""
    return Reply(
        sender=sender,
        iteration=1,
        vector=bytes(RANDOM.choices([1, 255], k=72)),
        output=1,
        agreed=agreed,
        echo=session._vector,
        check=b"0" * 64,
        salt=b"",
    )


def step(sender: int = 9) -> Step:
    return Step(sender=sender, iteration=1, vector=b"\x01" * 72, output=1)


def opened() -> ThesisSession:
    """A dialler that has sent its first step to machine 9."""
    session, _ = new_session(own_id=1)
    session.dial("alice", "bob")
    session.receive(Welcome(sender=9, addressee=1))
    return session


class LyingPartnerTests(SynchronousTestCase):
    def refuses(self, session: ThesisSession, message: Message) -> None:
        before = session.state, session._iteration, session._machine.key_string()
        self.assertRaises(UnexpectedMessageError, session.receive, message)
        self.assertEqual((session.state, session._iteration, session._machine.key_string()), before)

    def test_listener_refuses_all_but_a_hello_first(self) -> None:
        session, _ = new_session()
        for message in (step(), Restart(sender=9, save=True), Welcome(sender=9, addressee=1)):
            self.refuses(session, message)

    def test_refuses_a_second_hello(self) -> None:
        session, _ = new_session()
        hello = Hello(sender=9, service="a", partner="b")
        self.assertIsInstance(session.receive(hello)[0], Dialled)
        session.accept()
        self.refuses(session, hello)

    def test_refuses_a_welcome_for_another_machine(self) -> None:
        session, _ = new_session(own_id=1)
        session.dial("alice", "bob")
        self.refuses(session, Welcome(sender=9, addressee=2))
        self.refuses(session, Welcome(sender=0, addressee=1))

    def test_refuses_an_unasked_welcome(self) -> None:
        self.refuses(opened(), Welcome(sender=9, addressee=1))

    def test_refuses_other_senders(self) -> None:
        session = opened()
        self.refuses(session, reply(session, sender=8))

    def test_refuses_an_echo_of_another_vector(self) -> None:
        session = opened()
        wrong = reply(session)
        flipped = bytes([wrong.echo[0] ^ 0xFE]) + wrong.echo[1:]
        self.refuses(
            session,
            Reply(
                sender=9,
                iteration=1,
                vector=wrong.vector,
                output=1,
                agreed=True,
                echo=flipped,
                check=b"0" * 64,
                salt=b"",
            ),
        )

    def test_refuses_to_save_but_after_an_agreeing_reply(self) -> None:
        session = opened()
        self.refuses(session, Restart(sender=9, save=True))
        for wanted in (State.DISAGREED, State.AGREED):
            while session.state is not wanted:
                session.receive(reply(session, agreed=False))
            if wanted is State.DISAGREED:
                self.refuses(session, Restart(sender=9, save=True))
        self.assertIsInstance(session.receive(Restart(sender=9, save=True))[0], KeyBorn)

    def test_saving_restart_is_taken_in_one_state_only(self) -> None:
        states = [state for state, move in TRANSITIONS if move is Move.RECEIVE_SAVE]
        self.assertEqual(states, [State.AGREED])

    def test_accept_without_a_hello_is_our_fault(self) -> None:
        self.assertRaises(ProtocolStateError, new_session()[0].accept)

    def test_closed_session_takes_nothing(self) -> None:
        session = opened()
        session.close()
        self.assertRaises(UnexpectedMessageError, session.receive, reply(session))

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["hello", "welcome", "step", "reply", "save", "discard"]),
                st.booleans(),
                st.sampled_from([9, 8, 0]),
            ),
            max_size=40,
        ),
        st.booleans(),
    )
    def test_any_conversation_raises_nothing_but_remote_errors(
        self, script: list[tuple[str, bool, int]], dials: bool
    ) -> None:
        session, _ = new_session(own_id=1)
        if dials:
            session.dial("alice", "bob")
        for what, flag, sender in script:
            messages: dict[str, Message] = {
                "hello": Hello(sender=sender, service="a", partner="b"),
                "welcome": Welcome(sender=sender, addressee=1),
                "step": step(sender),
                "reply": reply(session, sender=sender, agreed=flag)
                if session._vector
                else step(sender),
                "save": Restart(sender=sender, save=True),
                "discard": Restart(sender=sender, save=False),
            }
            try:
                for result in session.receive(messages[what]):
                    if isinstance(result, Dialled):
                        session.accept()
                    self.assertIsInstance(result, Message | Accepted | Event)
            except RemoteError:
                pass


class CheckHashTests(SynchronousTestCase):
    def test_depends_on_key_and_salt(self) -> None:
        hashes = {
            check_hash(key, salt) for key in (b"0" * 72, b"1" + b"0" * 71) for salt in (b"", b"s")
        }
        self.assertEqual(len(hashes), 4)
