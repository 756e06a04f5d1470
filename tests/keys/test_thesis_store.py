"""The key store of a wire 1 channel, two of them fed to each other."""

import hashlib

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import (
    BadCiphertextError,
    NoKeyYetError,
    ParameterError,
    ProtocolStateError,
    UnsupportedModeError,
)
from dynamicrypt.keys import thesis
from dynamicrypt.keys.thesis_store import KeyRef, ThesisKeyStore
from tests.keys.memory import secrets_in


def key_string(number: int) -> bytes:
    """A key string of its own for each number."""
    digits = int.from_bytes(hashlib.sha512(b"%d" % number).digest())
    return bytes(ord("0") + digits // 9**at % 9 for at in range(72))


def offer(store: ThesisKeyStore, number: int, key: bytes) -> None:
    """Store a key that the partner holds too."""
    store.hold(number, key)
    store.confirm(number)


def pair(keys: int, capacity: int = 64) -> tuple[ThesisKeyStore, ThesisKeyStore]:
    """Dialler and listener that share this many keys."""
    dialler, listener = ThesisKeyStore(capacity), ThesisKeyStore(capacity)
    dialler.new_connection(True)
    listener.new_connection(False)
    for number in range(keys):
        for store in (dialler, listener):
            offer(store, number, key_string(number))
    return dialler, listener


class ThesisKeyStoreTests(SynchronousTestCase):
    def test_dialler_sends_even_listener_odd(self) -> None:
        dialler, listener = pair(8)
        for mode in (1, 2):
            self.assertEqual(dialler.encrypt(b"m", mode)[2].number % 2, 0)
            self.assertEqual(listener.encrypt(b"m", mode)[2].number % 2, 1)

    def test_mode_1_reuses_the_newest_own_key(self) -> None:
        dialler, _ = pair(4)
        refs = [dialler.encrypt(b"m", 1)[2] for _ in range(3)]
        self.assertEqual(refs, [KeyRef(1, 2)] * 3)
        offer(dialler, 4, key_string(4))
        self.assertEqual(dialler.encrypt(b"m", 1)[2], KeyRef(1, 4))

    def test_key_that_the_partner_used_for_mode_1_is_not_taken_for_mode_2(self) -> None:
        """The 2019 program sends under keys of either half."""
        dialler, _ = pair(4)
        key = thesis.fold(key_string(2))
        dialler.decrypt(thesis.encrypt(key, b"m"), thesis.digest(b"m"), 1)
        self.assertEqual(dialler.encrypt(b"m", 2)[2], KeyRef(1, 0))
        self.assertRaises(NoKeyYetError, dialler.encrypt, b"m", 2)

    def test_folded_key_does_not_stay_in_its_buffer(self) -> None:
        fold, folded = thesis.fold, []

        def fold_and_note(key: bytes) -> bytearray:
            folded.append(fold(key))
            return folded[-1]

        self.patch(thesis, "fold", fold_and_note)
        pair(1)
        self.assertEqual(folded, [bytes(32)] * 2)

    def test_mode_2_takes_each_own_key_once_newest_first(self) -> None:
        dialler, listener = pair(6)
        for number in (4, 2, 0):
            message, hash_, ref = dialler.encrypt(b"m", 2)
            self.assertEqual(ref, KeyRef(1, number))
            self.assertEqual(listener.decrypt(message, hash_, 2), b"m")
        self.assertRaises(NoKeyYetError, dialler.encrypt, b"m", 2)
        self.assertEqual((len(dialler), len(listener)), (3, 3))

    def test_mode_2_never_takes_a_key_of_mode_1(self) -> None:
        dialler, listener = pair(2)
        message, hash_, _ = dialler.encrypt(b"m", 1)
        self.assertRaises(NoKeyYetError, dialler.encrypt, b"m", 2)
        self.assertEqual(listener.decrypt(message, hash_, 1), b"m")

    def test_mode_2_opens_once_and_mode_1_again(self) -> None:
        dialler, listener = pair(4)
        once = dialler.encrypt(b"once", 2)
        self.assertEqual(listener.decrypt(once[0], once[1], 2), b"once")
        self.assertRaises(BadCiphertextError, listener.decrypt, once[0], once[1], 2)
        again = dialler.encrypt(b"again", 1)
        for _ in range(2):
            self.assertEqual(listener.decrypt(again[0], again[1], 1), b"again")

    def test_any_stored_key_decrypts(self) -> None:
        dialler, listener = pair(2)
        old = dialler.encrypt(b"old", 1)
        for number in range(2, 60):
            offer(listener, number, key_string(number))
        self.assertEqual(listener.decrypt(old[0], old[1], 1), b"old")

    def test_oldest_key_is_dropped(self) -> None:
        dialler, listener = pair(2, capacity=4)
        old = dialler.encrypt(b"old", 1)
        for number in range(2, 5):
            offer(listener, number, key_string(number))
        self.assertEqual(len(listener), 4)
        self.assertRaises(BadCiphertextError, listener.decrypt, old[0], old[1], 1)

    def test_no_key_means_wait_before_anything_else(self) -> None:
        dialler, _ = pair(0)
        self.assertRaises(NoKeyYetError, dialler.encrypt, b"m", 1)
        self.assertRaises(NoKeyYetError, dialler.decrypt, "!!!notbase64", "X", 1)

    def test_other_modes_are_refused(self) -> None:
        dialler, _ = pair(2)
        for mode in (-1, 0, 3, 4):
            self.assertRaises(UnsupportedModeError, dialler.encrypt, b"m", mode)
            self.assertRaises(UnsupportedModeError, dialler.decrypt, "", "", mode)

    def test_held_key_decrypts_and_sends_only_when_confirmed(self) -> None:
        dialler, listener = pair(1)
        listener.hold(1, key_string(1))
        offer(dialler, 1, key_string(1))
        self.assertRaises(NoKeyYetError, listener.encrypt, b"m", 1)
        listener.confirm(1)
        message, hash_, _ = listener.encrypt(b"m", 2)
        self.assertEqual(dialler.decrypt(message, hash_, 2), b"m")

    def test_new_connection_keeps_old_keys_for_decryption_only(self) -> None:
        dialler, listener = pair(2)
        late = dialler.encrypt(b"late", 1)
        listener.new_connection(True)
        self.assertRaises(NoKeyYetError, listener.encrypt, b"m", 1)
        offer(listener, 0, key_string(100))
        self.assertEqual(listener.encrypt(b"m", 1)[2], KeyRef(2, 0))
        self.assertEqual(listener.decrypt(late[0], late[1], 1), b"late")

    def test_numbers_ascend(self) -> None:
        dialler, _ = pair(2)
        for number in (-1, 0, 1):
            self.assertRaises(ParameterError, dialler.hold, number, key_string(9))
        self.assertRaises(ProtocolStateError, offer, ThesisKeyStore(), 0, key_string(0))

    def test_erase_wipes_all(self) -> None:
        dialler, listener = pair(2)
        message, hash_, _ = dialler.encrypt(b"m", 1)
        listener.erase()
        self.assertEqual(len(listener), 0)
        self.assertRaises(NoKeyYetError, listener.decrypt, message, hash_, 1)
        self.assertEqual(secrets_in(listener._cells), b"")

    def test_used_key_is_wiped(self) -> None:
        dialler, _ = pair(1)
        dialler.encrypt(b"m", 2)
        self.assertEqual(secrets_in(dialler._cells), b"")


class TwoStores(RuleBasedStateMachine):
    """Both sides send in any order; the listener may hear of a key later than the dialler."""

    def __init__(self) -> None:
        super().__init__()
        self.stores = pair(0, capacity=8)
        self.numbers = [0, 0]
        self.salt = 0
        self.sent: list[tuple[int, int, int, tuple[str, str, KeyRef]]] = []
        self.secure: set[KeyRef] = set()

    @rule()
    def detect(self) -> None:
        """The dialler finds a key and holds it; the listener has not heard of it."""
        if self.numbers[0] == self.numbers[1]:
            number = self.numbers[0]
            self.stores[0].hold(number, key_string(self.salt + number))
            self.numbers[0] += 1

    @rule()
    def deliver(self) -> None:
        """The listener stores the key and answers; the dialler confirms it."""
        if self.numbers[0] > self.numbers[1]:
            number = self.numbers[1]
            offer(self.stores[1], number, key_string(self.salt + number))
            self.stores[0].confirm(number)
            self.numbers[1] += 1

    @rule(side=st.sampled_from([0, 1]), mode=st.sampled_from([1, 2]))
    def send(self, side: int, mode: int) -> None:
        text = b"message %d" % len(self.sent)
        try:
            sent = self.stores[side].encrypt(text, mode)
        except NoKeyYetError:
            return
        assert sent[2] not in self.secure, "a key that promised one use was used again"
        if mode == 2:
            assert all(other[3][2] != sent[2] for other in self.sent)
            self.secure.add(sent[2])
        self.sent.append((side, mode, len(self.sent), sent))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def receive(self, data: st.DataObject) -> None:
        side, mode, number, (message, hash_, _) = data.draw(st.sampled_from(self.sent))
        try:
            opened = self.stores[1 - side].decrypt(message, hash_, mode)
        except (BadCiphertextError, NoKeyYetError):
            return
        assert opened == b"message %d" % number

    @rule(dialler=st.booleans())
    def dial_again(self, dialler: bool) -> None:
        self.salt += 1000
        self.numbers = [0, 0]
        self.stores[0].new_connection(dialler)
        self.stores[1].new_connection(not dialler)

    @invariant()
    def bounded(self) -> None:
        assert all(len(store) <= 8 for store in self.stores)


class TwoStoresTests(SynchronousTestCase):
    def test_no_interleaving_uses_a_key_twice(self) -> None:
        run_state_machine_as_test(TwoStores)
