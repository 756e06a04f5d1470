"""Keys that applications get."""

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import (
    KeyExpiredError,
    KeyUsedError,
    NoKeyYetError,
    ParameterError,
    UnknownKeyError,
)
from dynamicrypt.keys.delivery import MAX_BYTES, MIN_BYTES, key_by_id, next_key
from tests.keys.pair import pair

NOW = 1.0


class DeliveryTests(SynchronousTestCase):
    def test_both_sides_get_the_same_key(self) -> None:
        for size in (MIN_BYTES, 32, 44, MAX_BYTES):
            sender, receiver = pair()
            key_id, key = next_key(sender.store, size, b"rest", NOW)
            self.assertEqual(len(key), size)
            self.assertEqual(key_by_id(receiver.store, key_id, size, b"rest", NOW), key)

    def test_each_side_gets_it_once(self) -> None:
        sender, receiver = pair()
        first, _ = next_key(sender.store, 32, b"rest", NOW)
        second, _ = next_key(sender.store, 32, b"rest", NOW)
        self.assertNotEqual(first, second)
        key_by_id(receiver.store, first, 32, b"rest", NOW)
        self.assertRaises(KeyUsedError, key_by_id, receiver.store, first, 32, b"rest", NOW)

    def test_sizes_and_purposes_have_nothing_in_common(self) -> None:
        keys = []
        for size, purpose in ((32, b"rest"), (32, b"etsi"), (64, b"rest")):
            sender, _ = pair()
            keys.append(bytes(next_key(sender.store, size, purpose, NOW)[1][:32]))
        self.assertEqual(len(set(keys)), 3)

    def test_delivered_key_is_no_key_of_the_store_and_of_no_message(self) -> None:
        sender, receiver = pair()
        sealed = sender.seal(b"m", 1, b"", NOW)
        receiver.open(sealed, b"", NOW)
        used = sealed[4:20]
        for now in (NOW, 750.0):
            self.assertRaises(KeyUsedError, key_by_id, receiver.store, used, 32, b"rest", now)
        key_id, _ = next_key(sender.store, 32, b"rest", NOW)
        self.assertNotEqual(key_id, used)

    def test_says_why_there_is_none(self) -> None:
        sender, receiver = pair(2)
        key_id, _ = next_key(sender.store, 32, b"rest", NOW)
        self.assertRaises(NoKeyYetError, next_key, sender.store, 32, b"rest", NOW)
        self.assertRaises(UnknownKeyError, key_by_id, receiver.store, bytes(16), 32, b"", NOW)
        self.assertRaises(KeyExpiredError, key_by_id, receiver.store, key_id, 32, b"", 800.0)

    def test_sizes_out_of_range_use_no_key(self) -> None:
        sender, receiver = pair(2)
        for size in (-1, 0, MIN_BYTES - 1, MAX_BYTES + 1):
            self.assertRaises(ParameterError, next_key, sender.store, size, b"", NOW)
            self.assertRaises(ParameterError, key_by_id, receiver.store, bytes(16), size, b"", NOW)
        self.assertEqual(sender.store.levels.free, 1)
