"""Sealing and opening in modes 1, 2 and 3."""

import struct
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import (
    BadCiphertextError,
    DynamiCryptError,
    KeyUsedError,
    NoKeyYetError,
    ParameterError,
    UnknownKeyError,
    UnsupportedModeError,
    WrongChannelError,
)
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.envelope import Suite, channel_binding
from dynamicrypt.keys.store import KeyStore
from tests.keys.memory import secrets_in
from tests.keys.pair import PARTICIPANTS, failures, key, key_id, pair

NOW = 1.0
MODES = ((1, 0), (2, 0), (3, 2))


class RoundTripTests(SynchronousTestCase):
    def test_every_mode_and_suite_opens_on_the_other_side_in_both_directions(self) -> None:
        for suite in Suite:
            sides = pair(suite=suite)
            for sender, receiver in (sides, sides[::-1]):
                for mode, limit in MODES:
                    sealed = sender.seal(b"hello", mode, b"context", NOW, limit)
                    self.assertEqual(receiver.open(sealed, b"context", NOW), b"hello")

    @given(st.binary(max_size=300), st.binary(max_size=40), st.sampled_from(MODES))
    def test_any_plaintext_and_context(
        self, plaintext: bytes, context: bytes, mode: tuple[int, int]
    ) -> None:
        sender, receiver = pair()
        sealed = sender.seal(plaintext, mode[0], context, NOW, mode[1])
        self.assertEqual(receiver.open(sealed, context, NOW), plaintext)

    def test_suites_are_told_by_the_envelope(self) -> None:
        sender, _ = pair(suite=Suite.CHACHA20_POLY1305)
        _, receiver = pair(suite=Suite.AES_256_GCM)
        sealed = sender.seal(b"hello", 2, b"", NOW)
        self.assertEqual(receiver.open(sealed, b"", NOW), b"hello")

    def test_modes_out_of_range_are_refused(self) -> None:
        sender, _ = pair()
        for mode in (-1, 0, 4, 5, 6):
            self.assertRaises(UnsupportedModeError, sender.seal, b"", mode, b"", NOW)
        for mode, limit in ((1, 1), (2, 1), (3, 0), (3, -1), (3, 2**32)):
            self.assertRaises(ParameterError, sender.seal, b"", mode, b"", NOW, limit)

    def test_waits_for_a_key(self) -> None:
        sender, _ = pair(0)
        for mode, limit in MODES:
            self.assertRaises(NoKeyYetError, sender.seal, b"", mode, b"", NOW, limit)


class OnceTests(SynchronousTestCase):
    def test_replay_is_refused_in_every_mode(self) -> None:
        for mode, limit in MODES:
            sender, receiver = pair()
            sealed = [sender.seal(b"m", mode, b"", NOW, limit) for _ in range(3)]
            for envelope in sealed:
                receiver.open(envelope, b"", NOW)
            self.assertEqual(failures(receiver, sealed), {"KeyUsedError"})

    def test_any_order_opens_each_message_once(self) -> None:
        sender, receiver = pair()
        sealed = [sender.seal(b"%d" % number, 1, b"", NOW) for number in range(100)]
        for number in [*range(99, 49, -1), *range(50)]:
            self.assertEqual(receiver.open(sealed[number], b"", NOW), b"%d" % number)
        self.assertEqual(failures(receiver, sealed), {"KeyUsedError"})

    def test_mode_1_reuses_and_mode_2_never(self) -> None:
        sender, _ = pair()
        fast = {sender.seal(b"m", 1, b"", NOW)[4:20] for _ in range(5)}
        secure = [sender.seal(b"m", 2, b"", NOW)[4:20] for _ in range(3)]
        self.assertEqual((len(fast), len(set(secure)), fast & set(secure)), (1, 3, set()))
        self.assertRaises(NoKeyYetError, sender.seal, b"m", 2, b"", NOW)

    def test_mode_3_serves_n_messages_a_key(self) -> None:
        sender, receiver = pair()
        sealed = [sender.seal(b"m", 3, b"", NOW, 2) for _ in range(6)]
        ids = [envelope[4:20] for envelope in sealed]
        self.assertEqual([ids.count(each) for each in dict.fromkeys(ids)], [2, 2, 2])
        for envelope in sealed:
            receiver.open(envelope, b"", NOW)
        self.assertEqual(receiver.store.levels.held, 1)

    def test_used_keys_are_wiped_on_both_sides(self) -> None:
        sender, receiver = pair(2)
        receiver.open(sender.seal(b"m", 2, b"", NOW), b"", NOW)
        sender.open(receiver.seal(b"m", 3, b"", NOW, 1), b"", NOW)
        self.assertRaises(NoKeyYetError, receiver.seal, b"m", 3, b"", NOW + 1, 1)
        for side in (sender, receiver):
            side.store.expire(NOW + 1)
            self.assertEqual(secrets_in(side.store.cells), b"")

    def test_failure_to_seal_spends_the_key_of_mode_2(self) -> None:
        sender, _ = pair()
        self.assertRaises(TypeError, sender.seal, "text", 2, b"", NOW)
        self.assertEqual(sender.store.levels.free, 3)


class HashedTests(SynchronousTestCase):
    def test_hash_must_come_back(self) -> None:
        for mode in (1, 2):
            sender, receiver = pair()
            sealed, hash_ = sender.seal_hashed(b"hello", mode, NOW)
            self.assertRegex(hash_, "^[0-9A-F]{64}$")
            for wrong in (hash_.lower(), hash_[:-1], "", "0" * 64, "\u00e9", "\ud800"):
                self.assertRaises(
                    BadCiphertextError, receiver.open_hashed, sealed, wrong, mode, NOW
                )
            self.assertRaises(
                BadCiphertextError, receiver.open_hashed, sealed, hash_, 3 - mode, NOW
            )
            self.assertEqual(receiver.open_hashed(sealed, hash_, mode, NOW), b"hello")
            self.assertRaises(KeyUsedError, receiver.open_hashed, sealed, hash_, mode, NOW)

    def test_hash_says_nothing_about_the_plaintext(self) -> None:
        sender, _ = pair()
        hashes = {sender.seal_hashed(b"same", mode, NOW)[1] for mode in (1, 1, 2, 2)}
        self.assertEqual(len(hashes), 4)


class TamperingTests(SynchronousTestCase):
    """In the manner of Project Wycheproof: nothing but the very message opens."""

    def test_every_flipped_bit_is_noticed_and_does_no_harm(self) -> None:
        for suite in Suite:
            for mode, limit in MODES:
                sender, receiver = pair(suite=suite)
                sealed = sender.seal(b"hello", mode, b"c", NOW, limit)
                changed = []
                for bit in range(8 * len(sealed)):
                    other = bytearray(sealed)
                    other[bit // 8] ^= 1 << bit % 8
                    changed.append(bytes(other))
                names = failures(receiver, changed, b"c")
                allowed = {
                    "BadCiphertextError",
                    "UnknownKeyError",
                    "WrongChannelError",
                    "UnsupportedModeError",
                }
                self.assertLessEqual(names, allowed)
                self.assertEqual(receiver.open(sealed, b"c", NOW), b"hello")

    def test_every_truncation_and_extension_is_noticed(self) -> None:
        for mode, limit in MODES:
            sender, receiver = pair()
            sealed = sender.seal(b"hello", mode, b"", NOW, limit)
            changed = [sealed[:length] for length in range(len(sealed))]
            changed += [sealed + b"\0", b"\0" + sealed, sealed + sealed]
            self.assertEqual(failures(receiver, changed), {"BadCiphertextError"})
            self.assertEqual(receiver.open(sealed, b"", NOW), b"hello")

    def test_other_context_is_noticed(self) -> None:
        sender, receiver = pair()
        sealed = sender.seal(b"hello", 2, b"context", NOW)
        for context in (b"", b"contex", b"context ", b"Context", b"\0context"):
            self.assertRaises(BadCiphertextError, receiver.open, sealed, context, NOW)
        self.assertEqual(receiver.open(sealed, b"context", NOW), b"hello")

    def test_own_message_is_for_the_partner(self) -> None:
        sender, receiver = pair()
        sealed = sender.seal(b"hello", 2, b"", NOW)
        self.assertRaises(WrongChannelError, sender.open, sealed, b"", NOW)
        self.assertEqual(receiver.open(sealed, b"", NOW), b"hello")

    def test_reflected_direction_is_noticed(self) -> None:
        sender, _ = pair()
        sealed = bytearray(sender.seal(b"hello", 2, b"", NOW))
        sealed[3] ^= 1
        self.assertRaises(UnknownKeyError, sender.open, bytes(sealed), b"", NOW)

    def test_other_channel_with_the_same_key_is_noticed(self) -> None:
        sender, _ = pair()
        sealed = sender.seal(b"hello", 2, b"", NOW)
        (mark, _), bob = PARTICIPANTS
        store = KeyStore()
        store.add(key_id(0), key(0), owner=False, now=0.0)
        other = ChannelCipher(1, channel_binding(((mark, "carol"), bob)), store)
        self.assertRaises(BadCiphertextError, other.open, sealed, b"", NOW)

    def test_key_that_served_one_mode_opens_no_other(self) -> None:
        sender, receiver = pair()
        receiver.open(sender.seal(b"m", 1, b"", NOW), b"", NOW)
        sealed = sender.seal(b"m", 1, b"", NOW)
        head, body = sealed[:20], sealed[24:]
        others = [
            head[:2] + b"\2" + head[3:] + bytes(4) + body,
            head[:2] + b"\3" + head[3:] + sealed[20:24] + struct.pack(">I", 9) + body,
            head[:1] + b"\2" + head[2:] + sealed[20:24] + body,
        ]
        self.assertEqual(failures(receiver, others), {"BadCiphertextError"})
        self.assertEqual(receiver.open(sealed, b"", NOW), b"m")

    @given(st.binary(max_size=100))
    def test_any_bytes_are_refused_with_a_stated_error(self, envelope: bytes) -> None:
        _, receiver = pair()
        self.assertRaises(DynamiCryptError, receiver.open, envelope, b"", NOW)


class BatchTests(SynchronousTestCase):
    def test_batch_equals_single_messages(self) -> None:
        messages = [(b"%d" % number, b"context %d" % number) for number in range(4)]
        for mode, limit in MODES:
            batch, single = pair()[0], pair()[0]
            expected = [single.seal(text, mode, about, NOW, limit) for text, about in messages]
            self.assertEqual(batch.seal_batch(messages, mode, NOW, limit), expected)

    def test_opens_in_order_and_keeps_errors_in_their_places(self) -> None:
        for mode, limit in MODES:
            sender, receiver = pair(12)
            sealed = [sender.seal(b"%d" % number, mode, b"", NOW, limit) for number in range(4)]
            bad = sealed[2][:-1] + bytes([sealed[2][-1] ^ 1])
            batch = [sealed[0], b"", bad, sealed[2], sealed[1], sealed[1], sealed[3]]
            results = receiver.open_batch([(envelope, b"") for envelope in batch], NOW)
            shown = [each if isinstance(each, bytes) else type(each).__name__ for each in results]
            errors = ["BadCiphertextError"] * 2
            self.assertEqual(shown, [b"0", *errors, b"2", b"1", "KeyUsedError", b"3"])

    def test_message_that_is_cut_short_is_none_though_its_counter_was_seen(self) -> None:
        sender, receiver = pair()
        sealed = sender.seal(b"", 1, b"", NOW)
        batch = [(sealed[:length], b"") for length in (40, 39, 24, 22, 20)]
        results = receiver.open_batch(batch, NOW)
        self.assertEqual(results[0], b"")
        for each in results[1:]:
            self.assertIsInstance(each, BadCiphertextError)

    def test_item_without_a_key_does_not_fail_the_rest(self) -> None:
        sender, receiver = pair(4)
        results = sender.seal_batch([(b"%d" % number, b"") for number in range(3)], 2, NOW)
        self.assertIsInstance(results[2], NoKeyYetError)
        for number, sealed in enumerate(results[:2]):
            assert isinstance(sealed, bytes)
            self.assertEqual(receiver.open(sealed, b"", NOW), b"%d" % number)

    def test_wrong_mode_fails_the_whole(self) -> None:
        sender, _ = pair()
        calls: list[Callable[[], object]] = [
            lambda: sender.seal_batch([(b"", b"")], 4, NOW),
            lambda: sender.seal_batch([(b"", b"")], 3, NOW),
        ]
        for call, error in zip(calls, (UnsupportedModeError, ParameterError), strict=True):
            self.assertRaises(error, call)

    def test_batch_of_mode_2_leaves_no_secret(self) -> None:
        sender, receiver = pair(4)
        cells = len(sender.store.cells)
        sealed = sender.seal_batch([(b"m", b"")] * 3, 2, NOW)
        receiver.open_batch([(each, b"") for each in sealed if isinstance(each, bytes)], NOW)
        self.assertEqual(sender.store.levels.free, 0)
        self.assertEqual(receiver.store.levels.held, 0)
        for side in (sender, receiver):
            self.assertEqual(len(side.store.cells), cells - 2)
