"""When a key has served: by whichever way its last message went, and whoever holds it."""

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt._core import system_fill
from dynamicrypt.errors import BadCiphertextError, KeyUsedError, NoKeyYetError
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.pieces import Gatherer, Splitter
from dynamicrypt.keys.pool_key import Mode, Use
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.keys.window import WINDOW_BITS
from tests.keys.memory import secrets_in
from tests.keys.pair import key, key_id, pair

NOW = 1.0
FAST = Use(Mode.FAST, 0, 1)


class HolderTests(SynchronousTestCase):
    def test_key_of_a_hashed_message_of_mode_2_is_wiped(self) -> None:
        sender, receiver = pair(1)
        sealed, hash_ = sender.seal_hashed(b"m", 2, NOW)
        receiver.open_hashed(sealed, hash_, 2, NOW)
        for side in (sender, receiver):
            self.assertEqual(side.store.levels.held, 0)
            self.assertEqual(secrets_in(side.store.cells), b"")

    def test_sub_key_is_kept_from_the_second_message_on(self) -> None:
        sender, receiver = pair()
        cells = len(receiver.store.cells)
        for kept in (0, 1, 1):
            receiver.open(sender.seal(b"m", 1, b"", NOW), b"", NOW)
            self.assertEqual(len(receiver.store.cells), cells + kept)

    def test_messages_overtake_each_other_within_the_window_only(self) -> None:
        sender, receiver = pair()
        sealed = [sender.seal(b"%d" % number, 1, b"", NOW) for number in range(WINDOW_BITS + 2)]
        last, too_late, oldest = sealed[-1], sealed[1], sealed[2]
        self.assertEqual(receiver.open(last, b"", NOW), b"%d" % (WINDOW_BITS + 1))
        self.assertRaises(KeyUsedError, receiver.open, too_late, b"", NOW)
        self.assertEqual(receiver.open(oldest, b"", NOW), b"2")
        for envelope in (last, too_late, oldest):
            self.assertRaises(KeyUsedError, receiver.open, envelope, b"", NOW)

    def test_forged_counter_does_not_move_the_window(self) -> None:
        sender, receiver = pair()
        first, second = (sender.seal(b"m", 1, b"", NOW) for _ in range(2))
        receiver.open(first, b"", NOW)
        forged = second[:20] + bytes([255] * 4) + second[24:]
        self.assertRaises(BadCiphertextError, receiver.open, forged, b"", NOW)
        self.assertEqual(receiver.open(second, b"", NOW), b"m")

    def test_large_message_in_pieces_is_verified_as_a_whole(self) -> None:
        sender, receiver = pair()
        splitter, gatherer = Splitter(sender, system_fill), Gatherer(receiver)
        text = bytes(range(256)) * 400
        pieces = splitter.seal(text, b"", NOW, 3)
        self.assertEqual([gatherer.open(piece, b"", NOW) for piece in pieces][-1], text)


class OwnerTests(SynchronousTestCase):
    def test_key_in_use_is_left_before_the_holder_drops_it(self) -> None:
        limits = StoreLimits(high=4, low=2, late=8, settle=0.1)
        store = KeyStore(limits)
        store.add(key_id(0), key(0), owner=True, now=0.0)
        store.confirm(key_id(0))
        shared = store.own.share(FAST, 0.0)
        # The holder keeps the last 12; the owner stops after 8, and these are not confirmed yet.
        for number in range(1, 8):
            store.add(key_id(number), key(number), owner=True, now=0.0)
        self.assertIs(store.own.share(FAST, 1.0), shared)
        store.add(key_id(8), key(8), owner=True, now=0.0)
        self.assertRaises(NoKeyYetError, store.own.share, FAST, 1.0)
        self.assertEqual(shared.cell, -1)
