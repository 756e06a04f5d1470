"""Mode 4: all pieces or nothing."""

import itertools
import random
from collections.abc import Callable
from types import SimpleNamespace

from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import (
    BadCiphertextError,
    KeyUsedError,
    NoKeyYetError,
    ParameterError,
    TooManyPiecesError,
    UnknownKeyError,
    UnsupportedModeError,
    WrongChannelError,
)
from dynamicrypt.keys.cells import KeyCells
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.envelope import Suite, parse
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.message import Sealer
from dynamicrypt.keys.pieces import (
    DEFAULT_PIECES,
    MAX_GATHERED_BYTES,
    MAX_GATHERINGS,
    Gatherer,
    Splitter,
)
from dynamicrypt.keys.subkeys import Subkeys
from tests.keys.memory import secrets_in
from tests.keys.pair import key, key_id, pair

NOW = 1.0
MANY = StoreLimits(high=400, low=10, late=400)


def fill_from(seed: int) -> Callable[[memoryview], object]:
    """Return a generator of bytes that is good enough for tests only."""
    source = random.Random(seed)

    def fill(view: memoryview) -> None:
        view[:] = source.randbytes(len(view))

    return fill


def fill_with(source: list[bytes]) -> Callable[[memoryview], object]:
    """Return a generator of just these bytes."""
    rest = iter(source)

    def fill(view: memoryview) -> None:
        view[:] = next(rest)

    return fill


def parties(
    keys: int = 20, suite: Suite = Suite.AES_256_GCM
) -> tuple[Splitter, Gatherer, ChannelCipher, ChannelCipher]:
    sender, receiver = pair(keys, MANY, suite)
    return Splitter(sender, fill_from(1)), Gatherer(receiver), sender, receiver


class SplitTests(SynchronousTestCase):
    def test_any_order_of_all_pieces_restores_the_message(self) -> None:
        for order in itertools.permutations(range(3)):
            splitter, gatherer, _, _ = parties()
            pieces = splitter.seal(b"very sensitive", b"c", NOW, 3)
            results = [gatherer.open(pieces[piece], b"c", NOW) for piece in order]
            self.assertEqual(results, [None, None, b"very sensitive"])
            self.assertEqual(len(gatherer), 0)

    @given(st.binary(max_size=400), st.integers(2, 9), st.sampled_from(Suite), st.randoms())
    def test_any_message_in_any_number_of_pieces(
        self, plaintext: bytes, pieces: int, suite: Suite, order: random.Random
    ) -> None:
        splitter, gatherer, _, _ = parties(suite=suite)
        sealed = splitter.seal(plaintext, b"", NOW, pieces)
        order.shuffle(sealed)
        results = [gatherer.open(piece, b"", NOW) for piece in sealed]
        self.assertEqual(results, [None] * (pieces - 1) + [plaintext])

    def test_255_pieces(self) -> None:
        splitter, gatherer, _, _ = parties(600)
        results = [gatherer.open(piece, b"", NOW) for piece in splitter.seal(b"m", b"", NOW, 255)]
        self.assertEqual(results[-1], b"m")

    def test_each_piece_has_a_key_of_its_own(self) -> None:
        splitter, _, _, _ = parties()
        headers = [parse(piece) for piece in splitter.seal(b"m", b"", NOW)]
        self.assertEqual(len({header.key_id for header in headers}), DEFAULT_PIECES)
        self.assertEqual([header.piece for header in headers], [0, 1, 2])
        self.assertEqual(len({header.message_id for header in headers}), 1)

    def test_keys_that_were_taken_are_wiped_where_there_is_no_memory_for_shares(self) -> None:
        splitter, _, sender, _ = parties(6)
        put, left = KeyCells.put, [2]

        def put_few(cells: KeyCells, key: bytes) -> int:
            left[0] -= 1
            if left[0] < 0:
                raise MemoryError
            return put(cells, key)

        cells = len(sender.store.cells)
        self.patch(KeyCells, "put", put_few)
        self.assertRaises(MemoryError, splitter.seal, b"m", b"", NOW, 3)
        self.assertEqual(len(sender.store.cells), cells - 3)

    def test_no_share_stays_in_a_buffer(self) -> None:
        splitter, _, _, _ = parties()
        seal, contents = Sealer.seal, []

        def seal_and_note(sealer: Sealer, content: bytearray, context: bytes) -> bytes:
            contents.append(content)
            return seal(sealer, content, context)

        self.patch(Sealer, "seal", seal_and_note)
        splitter.seal(b"m", b"", NOW, 3)
        self.assertEqual([bytes(each[:32]) for each in contents], [bytes(32)] * 3)

    def test_takes_all_keys_or_none(self) -> None:
        splitter, _, sender, _ = parties(4)
        self.assertRaises(NoKeyYetError, splitter.seal, b"m", b"", NOW, 3)
        self.assertEqual(sender.store.levels.free, 2)

    def test_numbers_out_of_range_are_refused(self) -> None:
        splitter, _, _, _ = parties()
        for pieces in (-1, 0, 1, 256):
            self.assertRaises(ParameterError, splitter.seal, b"m", b"", NOW, pieces)

    def test_nothing_secret_stays(self) -> None:
        splitter, gatherer, sender, receiver = parties(6)
        for piece in splitter.seal(b"m", b"", NOW, 3):
            gatherer.open(piece, b"", NOW)
        for store in (sender.store, receiver.store):
            store.erase()
            self.assertEqual(secrets_in(store.cells), b"")


class FewerThanAllTests(SynchronousTestCase):
    @given(st.integers(2, 5), st.data())
    def test_shares_of_a_strict_subset_do_not_depend_on_the_data_key(
        self, pieces: int, data: st.DataObject
    ) -> None:
        """The missing share alone makes any data key of the same other shares."""
        entropy = [bytes([piece]) * 32 for piece in range(pieces)] + [b"message id. 16 b"]
        missing = data.draw(st.integers(0, pieces - 1))
        other = list(entropy)
        other[missing] = data.draw(st.binary(min_size=32, max_size=32))
        seen = []
        for source in (entropy, other):
            sender, receiver = pair(20, MANY)
            gatherer = Gatherer(receiver)
            sealed = Splitter(sender, fill_with(source)).seal(b"m" * 50, b"", NOW, pieces)
            del sealed[missing]
            for piece in sealed:
                self.assertIsNone(gatherer.open(piece, b"", NOW))
            (gathering,) = gatherer._gatherings.values()
            view = receiver.store.cells.view
            shares = {piece: bytes(view(cell)) for piece, cell in gathering.shares.items()}
            seen.append((shares, gathering.slices))
        self.assertEqual(seen[0][0], seen[1][0])
        self.assertEqual(seen[0][1] == seen[1][1], entropy == other)

    def test_strict_subset_gives_nothing_and_waits(self) -> None:
        for missing in range(3):
            splitter, gatherer, _, _ = parties()
            pieces = splitter.seal(b"m" * 100, b"", NOW, 3)
            del pieces[missing]
            self.assertEqual([gatherer.open(piece, b"", NOW) for piece in pieces], [None, None])
            self.assertEqual(len(gatherer), 1)

    def test_opened_pieces_hold_shares_and_ciphertext_only(self) -> None:
        splitter, gatherer, _, _ = parties()
        pieces = splitter.seal(b"A" * 300, b"", NOW, 3)
        for piece in pieces[:2]:
            gatherer.open(piece, b"", NOW)
        (gathering,) = gatherer._gatherings.values()
        self.assertNotIn(b"AAAA", b"".join(gathering.slices.values()))
        self.assertEqual(sum(map(len, gathering.slices.values())), 316 * 2 // 3)


class PieceTests(SynchronousTestCase):
    def test_each_piece_opens_once(self) -> None:
        splitter, gatherer, _, _ = parties()
        pieces = splitter.seal(b"m", b"", NOW, 2)
        gatherer.open(pieces[0], b"", NOW)
        self.assertRaises(KeyUsedError, gatherer.open, pieces[0], b"", NOW)
        self.assertEqual(gatherer.open(pieces[1], b"", NOW), b"m")
        for piece in pieces:
            self.assertRaises(KeyUsedError, gatherer.open, piece, b"", NOW)

    def test_every_flipped_bit_of_a_piece_is_noticed_and_does_no_harm(self) -> None:
        splitter, gatherer, _, _ = parties()
        pieces = splitter.seal(b"m", b"c", NOW, 2)
        gatherer.open(pieces[0], b"c", NOW)
        refusals = (BadCiphertextError, UnknownKeyError, WrongChannelError, UnsupportedModeError)
        for bit in range(8 * len(pieces[1])):
            changed = bytearray(pieces[1])
            changed[bit // 8] ^= 1 << bit % 8
            try:
                gatherer.open(bytes(changed), b"c", NOW)
            except refusals:
                continue
            self.fail(f"bit {bit} was not noticed")
        self.assertRaises(BadCiphertextError, gatherer.open, pieces[1], b"other", NOW)
        self.assertEqual(gatherer.open(pieces[1], b"c", NOW), b"m")

    def test_share_of_a_changed_piece_does_not_stay_in_the_buffer(self) -> None:
        """The library decrypts before it looks at the tag, so the share may be the true one."""
        splitter, gatherer, _, _ = parties()
        (piece, _) = splitter.seal(b"m", b"", NOW, 2)
        buffers: list[bytearray] = []

        def decrypt_into(nonce: bytes, data: bytes, about: bytes, into: memoryview) -> None:
            into[:] = b"s" * len(into)
            assert isinstance(into.obj, bytearray)
            buffers.append(into.obj)
            raise InvalidTag

        self.patch(Subkeys, "once", lambda *_: SimpleNamespace(decrypt_into=decrypt_into))
        self.assertRaises(BadCiphertextError, gatherer.open, piece, b"", NOW)
        self.assertEqual([bytes(each[:32]) for each in buffers], [bytes(32)])

    def test_whole_messages_and_pieces_have_ways_of_their_own(self) -> None:
        splitter, gatherer, sender, receiver = parties()
        whole = sender.seal(b"m", 2, b"", NOW)
        (piece, _) = splitter.seal(b"m", b"", NOW, 2)
        self.assertRaises(UnsupportedModeError, gatherer.open, whole, b"", NOW)
        self.assertRaises(UnsupportedModeError, receiver.open, piece, b"", NOW)

    def test_messages_are_gathered_side_by_side(self) -> None:
        splitter, gatherer, _, _ = parties()
        first, second = (splitter.seal(text, b"", NOW, 2) for text in (b"first", b"second"))
        self.assertIsNone(gatherer.open(first[0], b"", NOW))
        self.assertIsNone(gatherer.open(second[1], b"", NOW))
        self.assertEqual(gatherer.open(first[1], b"", NOW), b"first")
        self.assertEqual(gatherer.open(second[0], b"", NOW), b"second")


class BoundTests(SynchronousTestCase):
    def test_messages_that_wait_are_bounded_and_a_refused_piece_is_not_used(self) -> None:
        splitter, gatherer, _, _ = parties(400)
        sealed = [splitter.seal(b"m", b"", NOW, 2) for _ in range(MAX_GATHERINGS + 1)]
        for pieces in sealed[:-1]:
            gatherer.open(pieces[0], b"", NOW)
        self.assertRaises(TooManyPiecesError, gatherer.open, sealed[-1][0], b"", NOW)
        self.assertEqual(gatherer.open(sealed[0][1], b"", NOW), b"m")
        self.assertIsNone(gatherer.open(sealed[-1][0], b"", NOW))

    def test_bytes_that_wait_are_bounded(self) -> None:
        splitter, gatherer, _, _ = parties()
        large = splitter.seal(bytes(MAX_GATHERED_BYTES // 2), b"", NOW, 2)
        self.assertIsNone(gatherer.open(large[0], b"", NOW))
        other = splitter.seal(bytes(MAX_GATHERED_BYTES // 2), b"", NOW, 2)
        self.assertRaises(TooManyPiecesError, gatherer.open, other[0], b"", NOW)
        self.assertIsNotNone(gatherer.open(large[1], b"", NOW))
        self.assertIsNone(gatherer.open(other[0], b"", NOW))

    def test_message_that_was_begun_can_always_be_completed(self) -> None:
        splitter, gatherer, _, _ = parties(400)
        messages = [splitter.seal(bytes(700_000), b"", NOW, 3) for _ in range(60)]
        begun = 0
        for first, *_ in messages:
            try:
                gatherer.open(first, b"", NOW)
            except TooManyPiecesError:
                break
            begun += 1
        self.assertEqual(begun, MAX_GATHERED_BYTES // 700_019)
        for _, second, third in messages[:begun]:
            self.assertIsNone(gatherer.open(second, b"", NOW))
            self.assertEqual(gatherer.open(third, b"", NOW), bytes(700_000))

    def test_what_never_comes_is_forgotten(self) -> None:
        splitter, gatherer, _, receiver = parties(4)
        pieces = splitter.seal(b"m", b"", NOW, 2)
        gatherer.open(pieces[0], b"", NOW)
        gatherer.expire(NOW + MANY.held_time - 1)
        self.assertEqual(len(gatherer), 1)
        gatherer.expire(NOW + MANY.held_time)
        receiver.store.erase()
        self.assertEqual((len(gatherer), gatherer._volume), (0, 0))
        self.assertEqual(secrets_in(receiver.store.cells), b"")

    def test_what_never_came_makes_room_for_what_comes(self) -> None:
        splitter, gatherer, sender, receiver = parties(400)
        for _ in range(MAX_GATHERINGS):
            gatherer.open(splitter.seal(b"m", b"", NOW, 2)[0], b"", NOW)
        later = NOW + MANY.held_time
        for number in (1000, 1002):
            for cipher in (sender, receiver):
                store, owner = cipher.store, cipher is sender
                store.add(key_id(number), key(number), owner=owner, now=later)
                store.confirm(key_id(number))
        pieces = splitter.seal(b"m", b"", later, 2)
        self.assertIsNone(gatherer.open(pieces[0], b"", later))
        self.assertEqual(gatherer.open(pieces[1], b"", later), b"m")

    def test_erasing_wipes_the_shares(self) -> None:
        splitter, gatherer, _, receiver = parties(4)
        gatherer.open(splitter.seal(b"m", b"", NOW, 2)[0], b"", NOW)
        gatherer.erase()
        receiver.store.erase()
        self.assertEqual(secrets_in(receiver.store.cells), b"")
