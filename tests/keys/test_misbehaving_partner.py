"""A partner that holds the keys and breaks the rules: what it seals is genuine, but not allowed."""

import mmap

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import (
    BadCiphertextError,
    KeyUsedError,
    MessageTooLargeError,
    TooManyPiecesError,
)
from dynamicrypt.keys import message, own, stream
from dynamicrypt.keys.cells import KEY_BYTES
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.envelope import Header
from dynamicrypt.keys.limits import MAX_MESSAGE_BYTES, MAX_MESSAGES, MAX_VOLUME, StoreLimits
from dynamicrypt.keys.message import Sealer
from dynamicrypt.keys.pieces import MAX_GATHERINGS, Gatherer
from dynamicrypt.keys.pool_key import Mode, OwnKey, Use
from tests.keys.pair import pair

NOW = 1.0
MANY = StoreLimits(high=400, low=10, late=400)
MESSAGE_ID = b"message id. 16 b"


def seal_as(cipher: ChannelCipher, key: OwnKey, header: Header, content: bytes) -> bytes:
    """Seal under any header that the rules would not make."""
    key.counter = header.counter
    aead = cipher.subkeys.once(key, header.suite, cipher.role)
    return Sealer(key, aead, header.prefix, header.tail, cipher.binding).seal(content, b"")


class CountedTests(SynchronousTestCase):
    """Mode 3: whoever opens sees to n."""

    def setUp(self) -> None:
        self.sender, self.receiver = pair()
        (self.key,) = self.sender.store.own.take(Use(Mode.COUNTED, 3, 1), 1, NOW)

    def sealed(self, counter: int, limit: int) -> bytes:
        header = Header(1, Mode.COUNTED, 0, self.key.key_id, counter, limit)
        return seal_as(self.sender, self.key, header, b"m")

    def test_counter_of_n_and_more_is_refused(self) -> None:
        for counter in (3, 4, 2**32 - 1):
            envelope = self.sealed(counter, 3)
            self.assertRaises(BadCiphertextError, self.receiver.open, envelope, b"", NOW)

    def test_n_is_the_one_that_the_first_message_had(self) -> None:
        self.receiver.open(self.sealed(0, 3), b"", NOW)
        for limit in (2, 4, 2**32 - 1):
            envelope = self.sealed(1, limit)
            self.assertRaises(BadCiphertextError, self.receiver.open, envelope, b"", NOW)
        self.assertEqual(self.receiver.open(self.sealed(1, 3), b"", NOW), b"m")

    def test_batch_holds_to_n_like_single_messages(self) -> None:
        """Whatever was made for one message of a batch must not serve the next one for more."""
        batch = [self.sealed(counter, limit) for counter, limit in ((0, 2), (1, 9), (1, 2), (2, 9))]
        results = self.receiver.open_batch([(each, b"") for each in batch], NOW)
        shown = [each if isinstance(each, bytes) else type(each).__name__ for each in results]
        self.assertEqual(shown, [b"m", "BadCiphertextError", b"m", "KeyUsedError"])

    def test_counter_that_is_used_again_is_refused(self) -> None:
        self.receiver.open(self.sealed(1, 3), b"", NOW)
        again = self.sealed(1, 3)
        self.assertRaises(KeyUsedError, self.receiver.open, again, b"", NOW)

    def test_after_n_messages_in_any_order_the_key_is_gone(self) -> None:
        for counter in (2, 0, 1):
            self.assertEqual(self.receiver.open(self.sealed(counter, 3), b"", NOW), b"m")
        self.assertEqual(self.receiver.store.levels.held, 3)
        for counter, limit in ((0, 3), (0, 9), (8, 9)):
            envelope = self.sealed(counter, limit)
            self.assertRaises(KeyUsedError, self.receiver.open, envelope, b"", NOW)


class PieceTests(SynchronousTestCase):
    """Mode 4: pieces that no message has."""

    def setUp(self) -> None:
        self.sender, self.receiver = pair(200, MANY)
        self.gatherer = Gatherer(self.receiver)

    def piece(
        self, number: int, pieces: int, content: bytes, message_id: bytes = MESSAGE_ID
    ) -> bytes:
        (key,) = self.sender.store.own.take(Use(Mode.SPLIT, 0, 1), 1, NOW)
        header = Header(
            1,
            Mode.SPLIT,
            0,
            key.key_id,
            message_id=message_id,
            piece=number,
            pieces=pieces,
        )
        return seal_as(self.sender, key, header, content)

    def refused(self, piece: bytes) -> None:
        """The piece is refused, and its key is not used."""
        held, cells = self.receiver.store.levels.held, len(self.receiver.store.cells)
        self.assertRaises(BadCiphertextError, self.gatherer.open, piece, b"", NOW)
        self.assertEqual(self.receiver.store.levels.held, held)
        self.assertEqual(len(self.receiver.store.cells), cells)

    def test_other_number_of_pieces_is_of_another_message(self) -> None:
        self.assertIsNone(self.gatherer.open(self.piece(0, 3, bytes(40)), b"", NOW))
        for number, pieces in ((1, 2), (1, 4), (3, 4), (254, 255)):
            self.refused(self.piece(number, pieces, bytes(40)))
        self.assertIsNone(self.gatherer.open(self.piece(1, 3, bytes(40)), b"", NOW))

    def test_place_that_is_taken_is_not_taken_again(self) -> None:
        self.assertIsNone(self.gatherer.open(self.piece(0, 3, bytes(40)), b"", NOW))
        self.refused(self.piece(0, 3, bytes(range(40))))
        self.assertEqual(len(self.gatherer), 1)

    def test_slices_of_a_message_differ_by_one_byte_at_most(self) -> None:
        self.assertIsNone(self.gatherer.open(self.piece(0, 3, bytes(40)), b"", NOW))
        self.refused(self.piece(1, 3, bytes(42)))
        self.assertIsNone(self.gatherer.open(self.piece(1, 3, bytes(41)), b"", NOW))

    def test_piece_without_a_whole_share_is_none(self) -> None:
        for size in (0, 1, KEY_BYTES - 1):
            self.refused(self.piece(0, 2, bytes(size)))
        self.assertEqual(len(self.gatherer), 0)

    def test_pieces_of_two_messages_of_one_id_open_as_neither(self) -> None:
        cells = len(self.receiver.store.cells)
        self.assertIsNone(self.gatherer.open(self.piece(0, 2, bytes(60)), b"", NOW))
        last = self.piece(1, 2, bytes(range(60)))
        self.assertRaises(BadCiphertextError, self.gatherer.open, last, b"", NOW)
        self.assertEqual(len(self.gatherer), 0)
        self.assertEqual(len(self.receiver.store.cells), cells - 2)
        self.assertRaises(KeyUsedError, self.gatherer.open, last, b"", NOW)

    def test_endless_first_pieces_take_no_more_than_their_bound(self) -> None:
        for number in range(MAX_GATHERINGS):
            piece = self.piece(0, 255, bytes(40), number.to_bytes(16, "big"))
            self.gatherer.open(piece, b"", NOW)
        cells = len(self.receiver.store.cells)
        for number in range(MAX_GATHERINGS, 90):
            piece = self.piece(0, 255, bytes(40), number.to_bytes(16, "big"))
            self.assertRaises(TooManyPiecesError, self.gatherer.open, piece, b"", NOW)
        self.assertEqual(len(self.receiver.store.cells), cells)
        self.assertEqual(len(self.gatherer), MAX_GATHERINGS)


class StreamTests(SynchronousTestCase):
    def test_body_has_one_form_only(self) -> None:
        """Nothing but an empty body ends with an empty chunk."""
        sender, receiver = pair()
        sealer = stream.StreamSealer(sender, b"", NOW)
        body = bytes(stream.CHUNK_BYTES)
        whole = sealer.header + sealer._chunks.seal(body, last=False)
        whole += sealer._chunks.seal(b"", last=True)
        opener = stream.StreamOpener(receiver, b"")
        self.assertEqual(len(opener.update(whole, NOW)), stream.CHUNK_BYTES)
        self.assertRaises(BadCiphertextError, opener.finish, NOW)


class VolumeTests(SynchronousTestCase):
    """Bounds that no test can wait for, with smaller numbers."""

    def test_key_is_left_when_it_has_sealed_its_bytes(self) -> None:
        self.patch(message, "_FULL", 100)
        for mode, limit in ((1, 0), (3, 9)):
            for step in (0, 1):
                sender, _ = pair()
                times = [NOW + step * number for number in range(6)]
                sealed = [sender.seal(bytes(50), mode, b"", now, limit) for now in times]
                ids = [each[4:20] for each in sealed]
                self.assertEqual([ids.count(each) for each in dict.fromkeys(ids)], [3, 3])
            sender, _ = pair()
            batch = sender.seal_batch([(bytes(50), b"")] * 6, mode, NOW, limit)
            ids = [each[4:20] for each in batch if isinstance(each, bytes)]
            self.assertEqual([ids.count(each) for each in dict.fromkeys(ids)], [3, 3])

    def test_bytes_under_a_key_are_never_more_than_stated(self) -> None:
        self.assertEqual((MAX_MESSAGES, MAX_VOLUME), (2**32, 2**38))
        self.assertEqual(stream._MAX_CHUNKS * stream.CHUNK_BYTES, MAX_VOLUME)
        self.assertLessEqual(message._FULL + MAX_MESSAGE_BYTES, MAX_VOLUME)
        sender, _ = pair()
        with mmap.mmap(-1, MAX_MESSAGE_BYTES) as largest:
            self.assertRaises(OverflowError, sender.seal, largest, 1, b"", NOW)

    def test_key_is_left_when_it_has_sealed_its_messages(self) -> None:
        self.patch(own, "MAX_MESSAGES", 3)
        sender, receiver = pair()
        batch = sender.seal_batch([(b"m", b"")] * 4, 1, NOW)
        sealed = [each for each in batch if isinstance(each, bytes)]
        sealed += [sender.seal(b"m", 1, b"", NOW) for _ in range(4)]
        counters = [int.from_bytes(each[20:24], "big") for each in sealed]
        self.assertEqual(counters, [0, 1, 2, 0, 1, 2, 0, 1])
        self.assertEqual(len({each[4:24] for each in sealed}), 8)
        for each in sealed:
            self.assertEqual(receiver.open(each, b"", NOW), b"m")

    def test_body_that_is_too_long_is_sealed_no_further(self) -> None:
        self.patch(stream, "_MAX_CHUNKS", 3)
        for length in (3 * stream.CHUNK_BYTES + 1, 9 * stream.CHUNK_BYTES):
            sender, _ = pair()
            sealer = stream.StreamSealer(sender, b"", NOW)

            def seal(sealer: stream.StreamSealer = sealer, length: int = length) -> None:
                sealer.update(bytes(length))
                sealer.finish()

            self.assertRaises(MessageTooLargeError, seal)
            sealer.abandon()
        sender, receiver = pair()
        sealer = stream.StreamSealer(sender, b"", NOW)
        whole = sealer.header + sealer.update(bytes(3 * stream.CHUNK_BYTES)) + sealer.finish()
        opener = stream.StreamOpener(receiver, b"")
        self.assertEqual(
            opener.update(whole, NOW) + opener.finish(NOW), bytes(3 * stream.CHUNK_BYTES)
        )

    def test_body_that_a_partner_seals_further_is_opened_no_further(self) -> None:
        sender, receiver = pair()
        sealer = stream.StreamSealer(sender, b"", NOW)
        whole = sealer.header + sealer.update(bytes(5 * stream.CHUNK_BYTES)) + sealer.finish()
        self.patch(stream, "_MAX_CHUNKS", 3)
        opener = stream.StreamOpener(receiver, b"")
        self.assertRaises(BadCiphertextError, opener.update, whole, NOW)
