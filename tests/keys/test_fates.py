"""What becomes of messages whose key is gone."""

import math
import sys
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import KeyExpiredError, KeyUsedError, ParameterError, UnknownKeyError
from dynamicrypt.keys.delivery import key_by_id
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.pool_key import Mode, Use
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.keys.window import WINDOW_BITS
from tests.keys.pair import failures, key, key_id, pair
from tests.keys.stores import LIMITS, filled, put

NOW = 1.0
FAST = Use(Mode.FAST, 0, 1)


class KeyTests(SynchronousTestCase):
    def test_used_expired_and_unknown_keys_are_told_apart(self) -> None:
        store = filled(2)
        store.held.spend(store.held.find(key_id(1), 0.0), 0.0)
        put(store, 3, 50.0)
        self.assertRaises(KeyUsedError, store.held.find, key_id(1), 1.0)
        self.assertRaises(KeyUsedError, store.held.find, key_id(1), 150.0)
        self.assertRaises(KeyExpiredError, store.held.find, key_id(3), 200.0)
        self.assertRaises(UnknownKeyError, store.held.find, key_id(5), 1.0)

    def test_key_that_too_many_newer_ones_followed_is_expired(self) -> None:
        store = filled(30)
        self.assertRaises(KeyExpiredError, store.held.find, key_id(1), 0.0)

    def test_message_under_a_key_that_expired_in_use_has_a_fate_of_its_own(self) -> None:
        """Time ends the first key, newer ones the second."""
        store = filled(2)
        for number, now in ((1, 0.0), (3, 100.0)):
            if number > 1:
                put(store, number, now)
            window = store.held.find(key_id(number), now).first_use(FAST)
            for counter in (0, 2):
                window.mark(counter)
        for number in range(5, 29, 2):
            put(store, number, 130.0)
        for number in (1, 3):
            for counter, error in ((0, KeyUsedError), (2, KeyUsedError), (1, KeyExpiredError)):
                self.assertRaises(error, store.held.find, key_id(number), 130.0, counter)
            self.assertRaises(KeyExpiredError, store.held.find, key_id(number), 130.0, 3)
            self.assertRaises(KeyUsedError, store.held.find, key_id(number), 130.0)
        self.assertRaises(KeyExpiredError, store.held.find, key_id(5), 260.0, 0)
        store.expire(400.0)
        for counter in (0, 1):
            self.assertRaises(UnknownKeyError, store.held.find, key_id(1), 400.0, counter)

    def test_error_says_what_the_key_was_used_for(self) -> None:
        sender, receiver = pair(4)
        message, other = (sender.seal(b"m", 2, b"", NOW) for _ in range(2))
        receiver.open(message, b"", NOW)
        key_by_id(receiver.store, other[4:20], 32, b"rest", NOW)

        def fetch(envelope: bytes) -> object:
            return key_by_id(receiver.store, envelope[4:20], 32, b"rest", NOW)

        for again, told in (
            (lambda: receiver.open(message, b"", NOW), "it was opened before"),
            (lambda: fetch(message), "the key has served for messages"),
            (lambda: receiver.open(other, b"", NOW), "handed to an application of this side"),
            (lambda: fetch(other), "handed out before"),
        ):
            self.assertIn(told, str(self.assertRaises(KeyUsedError, again)))

    def test_end_of_a_key_is_the_same_moment_however_it_is_asked(self) -> None:
        """Sums of times are rounded: no moment may lie between held and expired."""
        source = Random(1)
        for _ in range(300):
            store, born = KeyStore(LIMITS), source.uniform(0, 1e6)
            put(store, 1, born)
            end = born + LIMITS.held_time
            for now in (math.nextafter(end, 0.0), end, math.nextafter(end, math.inf)):
                try:
                    self.assertEqual(store.held.find(key_id(1), now).key_id, key_id(1))
                except KeyExpiredError:
                    self.assertGreaterEqual(now, end)

    def test_known_id_is_refused(self) -> None:
        store = filled(2)
        store.held.spend(store.held.find(key_id(1), 0.0), 0.0)
        self.assertRaises(ParameterError, put, store, 1)
        put(store, 2)
        self.assertRaises(ParameterError, put, store, 2)
        self.assertRaises(ParameterError, store.add, b"short", key(4), owner=True, now=0.0)


class MessageTests(SynchronousTestCase):
    def test_late_and_lost_messages_have_errors_of_their_own(self) -> None:
        sender, receiver = pair()
        late = sender.seal(b"late", 2, b"", NOW)
        self.assertRaises(KeyExpiredError, receiver.open, late, b"", 750.0)
        sender, receiver = pair()
        lost = sender.seal(b"lost", 2, b"", NOW)
        receiver.store.erase()
        self.assertRaises(UnknownKeyError, receiver.open, lost, b"", NOW)

    def test_replay_stays_one_after_its_key_expired_and_a_late_message_is_late(self) -> None:
        for mode, limit in ((1, 0), (3, 4)):
            sender, receiver = pair()
            sealed = [sender.seal(b"m", mode, b"", NOW, limit) for _ in range(4)]
            for number in (0, 2):
                receiver.open(sealed[number], b"", NOW)
            receiver.store.expire(400.0)
            for now in (750.0, *range(775, 1500, 25), 1499.0):
                receiver.store.expire(now)
                self.assertEqual(failures(receiver, sealed[::2], now=now), {"KeyUsedError"})
                self.assertEqual(failures(receiver, sealed[1::2], now=now), {"KeyExpiredError"})
                batch = receiver.open_batch([(each, b"") for each in sealed], now)
                names = [type(each).__name__ for each in batch]
                self.assertEqual(names, ["KeyUsedError", "KeyExpiredError"] * 2)
            for now in (2250.0, 3000.0):
                receiver.store.expire(now)
            self.assertEqual(failures(receiver, sealed, now=3000.0), {"UnknownKeyError"})

    def test_hashed_replay_stays_one_after_its_key_expired(self) -> None:
        sender, receiver = pair()
        (opened, first), (late, second) = (sender.seal_hashed(b"m", 1, NOW) for _ in range(2))
        receiver.open_hashed(opened, first, 1, NOW)
        self.assertRaises(KeyUsedError, receiver.open_hashed, opened, first, 1, 750.0)
        self.assertRaises(KeyExpiredError, receiver.open_hashed, late, second, 1, 750.0)

    def test_key_of_mode_3_that_was_used_up_is_used_for_every_message(self) -> None:
        sender, receiver = pair()
        sealed = [sender.seal(b"m", 3, b"", NOW, 3) for _ in range(3)]
        for envelope in sealed:
            receiver.open(envelope, b"", NOW)
        self.assertEqual(failures(receiver, sealed, now=750.0), {"KeyUsedError"})

    def test_of_several_faults_the_first_of_the_specification_is_told(self) -> None:
        """docs/envelope.md, "Opening"."""
        sender, receiver = pair()
        first, second = (sender.seal(b"m", 1, b"c", NOW) for _ in range(2))
        receiver.open(first, b"c", NOW)
        reflected = first[:3] + b"\1" + first[4:]
        unknown = first[:4] + bytes(16) + first[20:]
        other_mode = first[:2] + b"\3" + first[3:24] + b"\0\0\0\1" + first[24:]
        for envelope, name in (
            (reflected[:39], "BadCiphertextError"),
            (reflected[:4] + bytes(16) + reflected[20:], "WrongChannelError"),
            (unknown[:2] + b"\2" + unknown[3:], "UnknownKeyError"),
            (other_mode, "BadCiphertextError"),
            (first[:-1] + b"\0", "KeyUsedError"),
            (second[:-1] + b"\0", "BadCiphertextError"),
        ):
            self.assertEqual(failures(receiver, [envelope], b"other"), {name})
        # Of a key that is gone nothing is left to compare but the counter.
        for envelope, name in ((other_mode, "KeyUsedError"), (second, "KeyExpiredError")):
            self.assertEqual(failures(receiver, [envelope], b"other", 750.0), {name})
        self.assertEqual(failures(receiver, [reflected], now=750.0), {"WrongChannelError"})

    def test_late_message_opens_within_the_late_window(self) -> None:
        sender, receiver = pair()
        sealed = sender.seal(b"m", 1, b"", 599.0)
        self.assertEqual(receiver.open(sealed, b"", 719.0), b"m")


class BoundTests(SynchronousTestCase):
    def test_what_is_remembered_of_keys_is_bounded_and_holds_no_secret(self) -> None:
        """Whatever a partner does: here it leaves a gap in the counters of each of its keys."""
        limits = StoreLimits(high=4, low=2, late=8, remembered=400, gaps=20_000)
        store = KeyStore(limits)
        for number in range(1, 2001, 2):
            put(store, number)
            window = store.held.find(key_id(number), 0.0).first_use(FAST)
            for counter in (1, WINDOW_BITS - 1):
                window.mark(counter)
            self.assertLessEqual(store.held._gone.volume, limits.gaps)
            self.assertLessEqual(len(store.held._gone), limits.remembered)
        self.assertEqual(len(store.cells), 12)
        generations = (store.held._gone._young, store.held._gone._old)
        stones = [stone for each in generations for stone in each.stones.values()]
        size = sum(map(sys.getsizeof, (*stones, *(each.stones for each in generations))))
        size += sum(33 + 16 + 3 * 32 for _ in stones) + store.held._gone.volume
        self.assertLess(size, 250 * limits.remembered + limits.gaps)
