"""The session of a pairing: two of them fed to each other, and people in between."""

import random
from collections.abc import Callable
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import DynamiCryptError, ProtocolStateError
from dynamicrypt.peer.errors import (
    CodeVoidError,
    HalfPairedError,
    PairingBrokenError,
    PairingMessageError,
    WrongCodeError,
)
from dynamicrypt.peer.pairing import (
    TRANSITIONS,
    Announcement,
    CodeUsed,
    Ends,
    Event,
    Failed,
    Met,
    Paired,
    Pairing,
    Role,
    State,
)
from dynamicrypt.peer.pairing_code import OneTimeCode
from dynamicrypt.peer.pairing_messages import (
    Confirm,
    Done,
    Message,
    Reason,
    Refuse,
    Share,
    decode,
    encode,
)

ALICE, BOB, MALLORY = (bytes([number]) * 32 for number in range(3))
LINE, OTHER_LINE = b"exporter" * 4, b"another " * 4
MESSAGES: tuple[type[Message], ...] = (Share, Confirm, Done, Refuse)


def entropy(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def dialler(
    code: str = "abcdef", own: bytes = ALICE, other: bytes = BOB, exporter: bytes = LINE
) -> Pairing:
    ends = Ends(own=own, other=other, exporter=exporter)
    said = Announcement(name="alice", port=7001)
    return Pairing(Role.DIALLER, OneTimeCode(code), ends, said, entropy(1))


def listener(
    code: OneTimeCode | None = None,
    own: bytes = BOB,
    other: bytes = ALICE,
    exporter: bytes = LINE,
) -> Pairing:
    ends = Ends(own=own, other=other, exporter=exporter)
    said = Announcement(name="bob", port=0)
    return Pairing(Role.LISTENER, code or OneTimeCode("abcdef"), ends, said, entropy(2))


def talk(
    dialler: Pairing, listener: Pairing, tamper: Callable[[bytes], bytes] = bytes
) -> tuple[list[Event], list[Event]]:
    """Carry messages until both are silent; `tamper` is done to every line."""
    events: dict[Pairing, list[Event]] = {dialler: [], listener: []}
    waiting: list[tuple[Pairing, Message]] = [(listener, dialler.start())]
    while waiting:
        target, message = waiting.pop(0)
        source = dialler if target is listener else listener
        for item in target.receive(decode(tamper(encode(message)))):
            if isinstance(item, Share | Confirm | Done | Refuse):
                waiting.append((source, item))
            else:
                events[target].append(item)
    return events[dialler], events[listener]


class PairingTests(SynchronousTestCase):
    def test_the_same_code_pairs(self) -> None:
        one, other = talk(dialler(), listener())
        bob = Met(fingerprint=BOB, announced=Announcement(name="bob", port=0))
        alice = Met(fingerprint=ALICE, announced=Announcement(name="alice", port=7001))
        self.assertEqual(one, [CodeUsed(), bob, Paired()])
        self.assertEqual(other, [CodeUsed(), alice, Paired()])

    def test_another_code_tells_both(self) -> None:
        for events in talk(dialler("abcdeg"), listener()):
            self.assertEqual([type(event) for event in events], [CodeUsed, Failed])
            failed = events[-1]
            assert isinstance(failed, Failed)
            self.assertIsInstance(failed.error, WrongCodeError)

    def test_a_code_is_good_for_one_guess(self) -> None:
        code = OneTimeCode("abcdef")
        talk(dialler("abcdeg"), listener(code))
        first, second = talk(dialler(), listener(code))
        for events in (first, second):
            (failed,) = events
            assert isinstance(failed, Failed)
            self.assertIsInstance(failed.error, CodeVoidError)

    def test_a_code_is_void_once_a_guess_was_answered(self) -> None:
        code = OneTimeCode("abcdef")
        answer = listener(code).receive(dialler().start())
        self.assertTrue(code.void)
        self.assertEqual([type(item) for item in answer], [CodeUsed, Share])

    def test_a_code_survives_what_was_not_answered(self) -> None:
        code = OneTimeCode("abcdef")
        good = dialler().start().element
        own = listener().receive(dialler().start())[1]
        assert isinstance(own, Share)
        prime = (2**255 - 19).to_bytes(32, "little")
        neutral = (1).to_bytes(32, "little")
        for element in (
            b"A" + bytes(32),
            b"A" + b"\xff" * 32,
            b"A" + neutral,
            b"A" + (2**255 - 18).to_bytes(32, "little"),
            b"A" + ((1 << 255) | 1).to_bytes(32, "little"),
            b"A" + prime,
            b"B" + good[1:],
            b"S" + good[1:],
            own.element,
        ):
            session = listener(code)
            self.assertRaises(PairingMessageError, session.receive, Share(element=element))
            self.assertEqual(session.state, State.FAILED)
        self.assertFalse(code.void)
        talk(dialler(), listener(code))

    def test_nobody_between_the_ends_passes(self) -> None:
        """Mallory has certificates of his own for both, and forwards everything."""
        for one, other in (
            (dialler(other=MALLORY), listener(other=MALLORY)),
            (dialler(other=MALLORY), listener()),
            (dialler(), listener(other=MALLORY)),
            (dialler(exporter=OTHER_LINE), listener()),
        ):
            for events in talk(one, other):
                self.assertEqual([type(event) for event in events], [CodeUsed, Failed])

    def test_a_node_does_not_answer_itself(self) -> None:
        one = dialler()
        start = one.start()
        self.assertRaises(PairingMessageError, one.receive, start)

    def test_the_listener_proves_nothing_to_who_has_not_proved(self) -> None:
        session = listener()
        session.receive(dialler().start())
        bad = Confirm(proof=bytes(32), name="mallory", port=1)
        output = session.receive(bad)
        self.assertEqual(output[0], Refuse(reason=Reason.WRONG_CODE))
        self.assertEqual([type(item) for item in output], [Refuse, Failed])

    def test_one_sides_proof_is_not_the_others(self) -> None:
        one, other = dialler(), listener()
        answer = other.receive(one.start())[1]
        assert isinstance(answer, Share)
        proof = one.receive(answer)[1]
        assert isinstance(proof, Confirm)
        (failed,) = one.receive(proof)
        self.assertIsInstance(failed, Failed)

    @settings(max_examples=40, deadline=None)
    @given(place=st.integers(0, 10_000), change=st.integers(1, 255), number=st.integers(0, 4))
    def test_no_changed_message_is_accepted(self, place: int, change: int, number: int) -> None:
        """Whoever gets the changed message does not take the sender for a peer on its account."""
        sent = 0

        def tamper(line: bytes) -> bytes:
            nonlocal sent
            sent += 1
            if sent - 1 != number:
                return line
            at = place % len(line)
            return line[:at] + bytes([line[at] ^ change]) + line[at + 1 :]

        one, other = dialler(), listener()
        try:
            events = talk(one, other, tamper)
        except DynamiCryptError:
            events = ([], [])
        paired = [any(isinstance(event, Paired) for event in side) for side in events]
        # The last message is a word without content; changed, it is no message.
        self.assertEqual(paired, [False, False])

    def test_what_does_not_fit_the_state_changes_nothing(self) -> None:
        samples: dict[type[Message], Message] = {
            Share: dialler().start(),
            Confirm: Confirm(proof=bytes(32), name="x", port=0),
            Done: Done(),
            Refuse: Refuse(reason=Reason.VOID),
        }
        for state, kind in product(State, MESSAGES):
            if (state, kind) not in TRANSITIONS:
                session = listener()
                session.state = state
                self.assertRaises(PairingMessageError, session.receive, samples[kind])
                self.assertEqual(session.state, state)

    def test_only_the_dialler_starts_and_once(self) -> None:
        self.assertRaises(ProtocolStateError, listener().start)
        session = dialler()
        session.start()
        self.assertRaises(ProtocolStateError, session.start)

    def test_each_state_says_what_a_lost_connection_means(self) -> None:
        meanings = {
            State.LISTENING: None,
            State.ANSWERED: WrongCodeError,
            State.ASKING: PairingBrokenError,
            State.PROVED: WrongCodeError,
            State.MET: HalfPairedError,
            State.PAIRED: None,
            State.FAILED: None,
        }
        for state, error in meanings.items():
            session = listener()
            session.state = state
            self.assertIs(type(session.lost()), error or type(None))

    def test_nothing_shows_the_secrets(self) -> None:
        code = OneTimeCode("abcdef")
        ends = Ends(own=ALICE, other=BOB, exporter=LINE)
        self.assertNotIn("abcdef", repr(code) + repr(listener(code)))
        self.assertNotIn("exporter", repr(ends))
