"""Streams: bodies of any length in constant memory."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import (
    BadCiphertextError,
    DynamiCryptError,
    KeyExpiredError,
    KeyUsedError,
    NoKeyYetError,
    ProtocolStateError,
    UnknownKeyError,
    UnsupportedModeError,
)
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.delivery import key_by_id
from dynamicrypt.keys.envelope import HEAD_BYTES, TAG_BYTES, Suite
from dynamicrypt.keys.stream import CHUNK_BYTES, StreamOpener, StreamSealer
from tests.keys.memory import secrets_in
from tests.keys.pair import pair

NOW = 1.0
SEALED = CHUNK_BYTES + TAG_BYTES
LENGTHS = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 200_001)


def parts(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def seal(cipher: ChannelCipher, body: bytes, context: bytes = b"", size: int = 70_000) -> bytes:
    sealer = StreamSealer(cipher, context, NOW)
    chunks = [sealer.update(part) for part in parts(body, size)]
    return sealer.header + b"".join(chunks) + sealer.finish()


def unseal(
    cipher: ChannelCipher,
    stream: bytes,
    context: bytes = b"",
    size: int = 70_000,
    now: float = NOW,
) -> bytes:
    opener = StreamOpener(cipher, context)
    body = b"".join([opener.update(part, now) for part in parts(stream, size)])
    return body + opener.finish(now)


class RoundTripTests(SynchronousTestCase):
    def test_bodies_of_every_kind_of_length(self) -> None:
        for length in LENGTHS:
            sender, receiver = pair()
            body = bytes(range(251)) * (length // 251 + 1)
            stream = seal(sender, body[:length], b"c")
            self.assertEqual(unseal(receiver, stream, b"c"), body[:length])

    @given(st.integers(1, 200_000), st.integers(1, 200_000), st.sampled_from(Suite))
    def test_parts_of_any_size(self, first: int, second: int, suite: Suite) -> None:
        sender, receiver = pair(suite=suite)
        body = b"x" * 150_000
        self.assertEqual(unseal(receiver, seal(sender, body, size=first), size=second), body)

    def test_parts_of_one_byte(self) -> None:
        sender, receiver = pair()
        self.assertEqual(unseal(receiver, seal(sender, b"body", size=1), size=1), b"body")

    def test_length_of_a_stream(self) -> None:
        sender, _ = pair(20)
        for length in LENGTHS:
            chunks = max(1, -(-length // CHUNK_BYTES))
            stream = seal(sender, bytes(length))
            self.assertEqual(len(stream), HEAD_BYTES + length + chunks * TAG_BYTES)

    def test_memory_is_that_of_a_chunk(self) -> None:
        sender, receiver = pair()
        sealer, opener = StreamSealer(sender, b"", NOW), StreamOpener(receiver, b"")
        opener.update(sealer.header, NOW)
        for _ in range(100):
            opener.update(sealer.update(bytes(50_000)), NOW)
            self.assertLessEqual(len(sealer._pending), CHUNK_BYTES)
            self.assertLessEqual(len(opener._pending), HEAD_BYTES + SEALED)


class OnceTests(SynchronousTestCase):
    def test_stream_uses_one_key_on_both_sides_and_opens_once(self) -> None:
        sender, receiver = pair(2)
        stream = seal(sender, bytes(100_000))
        self.assertRaises(NoKeyYetError, StreamSealer, sender, b"", NOW)
        unseal(receiver, stream)
        self.assertEqual(receiver.store.levels.held, 0)
        self.assertRaises(KeyUsedError, unseal, receiver, stream)

    def test_of_two_openers_at_once_the_faster_one_has_the_whole(self) -> None:
        for forget in (False, True):
            sender, receiver = pair()
            stream = seal(sender, bytes(100_000))
            first, second = StreamOpener(receiver, b""), StreamOpener(receiver, b"")
            for opener in (first, second):
                opener.update(stream, NOW)
            if forget:
                receiver.store.erase()
            self.assertEqual(len(first.finish(NOW)), 100_000 - CHUNK_BYTES)
            self.assertRaises(KeyUsedError, second.finish, NOW)
            late = StreamOpener(receiver, b"")
            self.assertRaises(UnknownKeyError if forget else KeyUsedError, late.update, stream, NOW)

    def test_stream_that_outlives_its_key_opens_once(self) -> None:
        sender, receiver = pair()
        stream = seal(sender, bytes(100_000))
        first, second = StreamOpener(receiver, b""), StreamOpener(receiver, b"")
        for opener in (first, second):
            opener.update(stream, 749.0)
        self.assertRaises(KeyExpiredError, unseal, receiver, stream, now=750.0)
        first.finish(750.0)
        self.assertRaises(KeyUsedError, second.finish, 750.0)
        self.assertRaises(KeyUsedError, unseal, receiver, stream, now=750.0)

    def test_stream_that_broke_off_opens_again_until_its_key_expires(self) -> None:
        sender, receiver = pair()
        body = bytes(range(250)) * 1000
        stream = seal(sender, body, b"c")
        held = receiver.store.levels.held
        for number in range(100):
            opener = StreamOpener(receiver, b"c")
            self.assertTrue(opener.update(stream[: (number % 3 + 2) * SEALED], NOW))
            opener.abandon()
        self.assertRaises(BadCiphertextError, unseal, receiver, stream[:-1], b"c")
        self.assertEqual(receiver.store.levels.held, held)
        self.assertEqual(unseal(receiver, stream, b"c"), body)
        self.assertRaises(KeyUsedError, unseal, receiver, stream, b"c")
        late = seal(sender, body)
        self.assertRaises(BadCiphertextError, unseal, receiver, late[:-1])
        self.assertRaises(KeyExpiredError, unseal, receiver, late, now=750.0)

    def test_key_of_a_stream_that_broke_off_serves_for_nothing_else(self) -> None:
        sender, receiver = pair()
        stream = seal(sender, bytes(100_000))
        self.assertRaises(BadCiphertextError, unseal, receiver, stream[:-1])
        used = stream[4:20]
        self.assertRaises(KeyUsedError, key_by_id, receiver.store, used, 32, b"rest", NOW)
        message = stream[:2] + b"\x02" + stream[3:]
        self.assertRaises(BadCiphertextError, receiver.open, message, b"", NOW)
        self.assertEqual(unseal(receiver, stream), bytes(100_000))

    def test_keys_are_wiped_at_the_end_and_when_abandoned(self) -> None:
        sender, receiver = pair(4)
        unseal(receiver, seal(sender, bytes(100_000)))
        sealer, opener = StreamSealer(sender, b"", NOW), StreamOpener(receiver, b"")
        opener.update(sealer.header + sealer.update(bytes(200_000)), NOW)
        opener.update(b"part", NOW)
        for side in (sealer, opener):
            self.assertGreater(len(side._pending), 0)
            side.abandon()
            self.assertEqual(len(side._pending), 0)
        for cipher in (sender, receiver):
            cipher.store.erase()
            self.assertEqual(secrets_in(cipher.store.cells), b"")
        self.assertRaises(ProtocolStateError, sealer.update, bytes(100_000))
        self.assertRaises(ProtocolStateError, sealer.finish)
        self.assertRaises(ProtocolStateError, opener.update, bytes(100_000), NOW)


class TamperingTests(SynchronousTestCase):
    def setUp(self) -> None:
        sender, self.receiver = pair()
        self.body = b"a" * CHUNK_BYTES + b"b" * CHUNK_BYTES + b"c"
        self.stream = seal(sender, self.body, b"c")
        self.head = self.stream[:HEAD_BYTES]
        self.chunks = parts(self.stream[HEAD_BYTES:], SEALED)

    def test_chunks_are_not_lost_doubled_or_moved(self) -> None:
        first, second, third = self.chunks
        for chunks in (
            (second, third),
            (third,),
            (second, first, third),
            (first, first, second, third),
        ):
            _, receiver = pair()
            stream = self.head + b"".join(chunks)
            self.assertRaises(BadCiphertextError, unseal, receiver, stream, b"c")

    def test_end_is_not_cut_off_or_prolonged(self) -> None:
        first, second, third = self.chunks
        for chunks in (
            (),
            (first,),
            (first, second),
            (first, second, third[:-1]),
            (first, second, third, b"\0"),
            (first, second, third, third),
        ):
            _, receiver = pair()
            stream = self.head + b"".join(chunks)
            self.assertRaises(BadCiphertextError, unseal, receiver, stream, b"c")

    def test_changed_first_chunk_or_context_does_no_harm(self) -> None:
        changed = bytearray(self.stream)
        changed[HEAD_BYTES + 5] ^= 1
        self.assertRaises(BadCiphertextError, unseal, self.receiver, bytes(changed), b"c")
        self.assertRaises(BadCiphertextError, unseal, self.receiver, self.stream, b"d")
        self.assertEqual(unseal(self.receiver, self.stream, b"c"), self.body)

    def test_changed_copy_changes_nothing_for_the_true_one(self) -> None:
        for at in range(HEAD_BYTES, len(self.stream), 30_000):
            changed = bytearray(self.stream)
            changed[at] ^= 1
            self.assertRaises(BadCiphertextError, unseal, self.receiver, bytes(changed), b"c")
        for end in (HEAD_BYTES + SEALED, len(self.stream) - 1):
            self.assertRaises(BadCiphertextError, unseal, self.receiver, self.stream[:end], b"c")
        self.assertEqual(unseal(self.receiver, self.stream, b"c"), self.body)
        self.assertRaises(KeyUsedError, unseal, self.receiver, self.stream, b"c")

    def test_changed_later_chunk_ends_the_opener(self) -> None:
        opener = StreamOpener(self.receiver, b"c")
        self.assertEqual(opener.update(self.head + self.chunks[0] + b"\0", NOW), b"a" * CHUNK_BYTES)
        self.assertRaises(BadCiphertextError, opener.update, bytes(2 * SEALED), NOW)
        self.assertRaises(ProtocolStateError, opener.update, bytes(2 * SEALED), NOW)

    def test_any_error_ends_the_opener(self) -> None:
        cut = self.stream[: HEAD_BYTES + 5]
        changed = self.head[:-1] + b"\1" + self.stream[HEAD_BYTES:]
        unknown = self.stream[:4] + bytes(16) + self.stream[20:]
        for wrong in (changed, unknown, bytes(2 * SEALED)):
            opener = StreamOpener(self.receiver, b"c")
            self.assertRaises(DynamiCryptError, opener.update, wrong, NOW)
            self.assertRaises(ProtocolStateError, opener.update, self.stream, NOW)
            self.assertRaises(ProtocolStateError, opener.finish, NOW)
        opener = StreamOpener(self.receiver, b"c")
        opener.update(cut, NOW)
        self.assertRaises(BadCiphertextError, opener.finish, NOW)
        self.assertRaises(ProtocolStateError, opener.update, self.stream, NOW)
        self.assertEqual(unseal(self.receiver, self.stream, b"c"), self.body)

    def test_messages_and_streams_have_ways_of_their_own(self) -> None:
        sender, receiver = pair()
        message = sender.seal(b"m", 2, b"", NOW)
        self.assertRaises(UnsupportedModeError, unseal, receiver, message)
        self.assertRaises(UnsupportedModeError, receiver.open, seal(sender, b"m"), b"", NOW)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_no_stream(self, stream: bytes) -> None:
        _, receiver = pair()
        self.assertRaises(BadCiphertextError, unseal, receiver, stream)
