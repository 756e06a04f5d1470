"""The envelope against its vectors, which a second implementation wrote."""

import hashlib
import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import BadCiphertextError, DynamiCryptError
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.delivery import key_by_id, next_key
from dynamicrypt.keys.envelope import Header, Suite, channel_binding, expand, nonce, parse
from dynamicrypt.keys.pieces import Gatherer, Splitter
from dynamicrypt.keys.pool_key import Mode
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.keys.stream import StreamOpener, StreamSealer
from tests.keys import plain_envelope

PATH = Path(__file__).parents[1] / "vectors" / "envelope.json"
VECTORS: dict[str, Any] = json.loads(PATH.read_text("utf-8"))
NOW = 1.0

HEADERS = st.one_of(
    st.builds(lambda counter: Header(1, 1, 0, b"k" * 16, counter), st.integers(0, 2**32 - 1)),
    st.builds(
        lambda limit, counter: Header(2, 3, 1, b"k" * 16, counter, limit),
        st.integers(10, 2**32 - 1),
        st.integers(0, 9),
    ),
    st.builds(
        lambda pieces, piece: Header(
            1, 4, 0, b"k" * 16, message_id=b"m" * 16, piece=piece, pieces=pieces
        ),
        st.integers(10, 255),
        st.integers(0, 9),
    ),
)


def unhex(case: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(case[name]) for name in names]


def sides(case: dict[str, Any], keys: list[dict[str, str]]) -> tuple[ChannelCipher, ChannelCipher]:
    """Return who seals and who opens the vector, with its keys."""
    role = case["direction"]
    ciphers = []
    for owner in (True, False):
        store = KeyStore()
        for each in keys:
            key_id, key = unhex(each, "key_id", "key")
            store.add(key_id, key, owner=owner, now=0.0)
            store.confirm(key_id)
        binding = bytes.fromhex(case["binding"])
        of_role = role if owner else 1 - role
        ciphers.append(ChannelCipher(of_role, binding, store, Suite(case["suite"])))
    return ciphers[0], ciphers[1]


class VectorTests(SynchronousTestCase):
    def test_vectors_are_those_of_the_second_implementation(self) -> None:
        self.assertEqual(plain_envelope.vectors(), VECTORS)

    def test_binding_of_a_channel(self) -> None:
        channel = VECTORS["channel"]
        first, second = (
            (bytes.fromhex(each["fingerprint"]), each["service"])
            for each in channel["participants"]
        )
        self.assertEqual(channel_binding((first, second)).hex(), channel["binding"])
        self.assertNotEqual(channel_binding((second, first)).hex(), channel["binding"])

    def test_subkeys(self) -> None:
        for case in VECTORS["subkeys"]:
            out = bytearray(32)
            (key,) = unhex(case, "key")
            expand(key, case["purpose"].encode(), case["suite"], case["direction"], out)
            self.assertEqual(out.hex(), case["subkey"])

    def test_messages(self) -> None:
        for case in VECTORS["messages"]:
            sender, receiver = sides(case, [case])
            plaintext, context, envelope = unhex(case, "plaintext", "context", "envelope")
            mode, limit = case["mode"], case["limit"]
            if case["counter"]:
                sender.seal(b"", mode, b"", NOW, limit)
                (own,) = sender.store.own._current.values()
                own.counter = case["counter"]
            self.assertEqual(sender.seal(plaintext, mode, context, NOW, limit), envelope)
            self.assertEqual(receiver.open(envelope, context, NOW), plaintext)

    def test_hashes(self) -> None:
        for case in VECTORS["messages"]:
            if not case["context"] and case["mode"] < 3:
                _, receiver = sides(case, [case])
                plaintext, envelope = unhex(case, "plaintext", "envelope")
                opened = receiver.open_hashed(envelope, case["hash"], case["mode"], NOW)
                self.assertEqual(opened, plaintext)

    def test_splits(self) -> None:
        for case in VECTORS["splits"]:
            sender, receiver = sides(case, case["keys"])
            entropy = iter([*case["shares"], case["message_id"]])

            def fill(view: memoryview, entropy: Any = entropy) -> None:
                view[:] = bytes.fromhex(next(entropy))

            plaintext, context = unhex(case, "plaintext", "context")
            sealed = Splitter(sender, fill).seal(plaintext, context, NOW, 3)
            self.assertEqual([piece.hex() for piece in sealed], case["pieces"])
            gatherer = Gatherer(receiver)
            opened = [gatherer.open(piece, context, NOW) for piece in sealed]
            self.assertEqual(opened, [None, None, plaintext])

    def test_streams(self) -> None:
        for case in VECTORS["streams"]:
            sender, receiver = sides(case, [case])
            (context,) = unhex(case, "context")
            body = bytes(number % 251 for number in range(case["length"]))
            sealer = StreamSealer(sender, context, NOW)
            stream = sealer.header + sealer.update(body) + sealer.finish()
            self.assertEqual(stream[:64].hex(), case["first_bytes"])
            self.assertEqual(hashlib.sha256(stream).hexdigest(), case["sha256"])
            opener = StreamOpener(receiver, context)
            self.assertEqual(opener.update(stream, NOW) + opener.finish(NOW), body)

    def test_deliveries(self) -> None:
        keys = [{**case, "key_id": bytes(16).hex()} for case in VECTORS["deliveries"]]
        for case in keys:
            purpose = case["purpose"].encode()
            sender, receiver = sides(
                {"direction": 0, "suite": 1, "binding": bytes(32).hex()}, [case]
            )
            key_id, key = next_key(sender.store, case["size"], purpose, NOW)
            self.assertEqual(key.hex(), case["delivered"])
            self.assertEqual(
                key_by_id(receiver.store, key_id, case["size"], purpose, NOW).hex(),
                case["delivered"],
            )

    def test_refusals(self) -> None:
        good = VECTORS["messages"][3]
        plaintext, context, envelope = unhex(good, "plaintext", "context", "envelope")
        _, receiver = sides(good, [good])
        for case in VECTORS["refused"]:
            try:
                receiver.open(bytes.fromhex(case["envelope"]), context, NOW)
            except DynamiCryptError as error:
                code = getattr(error, "code", None)
            else:
                code = "opened"
            self.assertEqual(code, case["code"], case["why"])
        self.assertEqual(receiver.open(envelope, context, NOW), plaintext)


class HeaderTests(SynchronousTestCase):
    @given(HEADERS)
    def test_parse_undoes_encode(self, header: Header) -> None:
        encoded = header.encode()
        self.assertEqual(len(encoded), header.size)
        self.assertEqual(parse(encoded + bytes(16)), header)
        self.assertEqual(nonce(encoded), header.counter.to_bytes(12, "big"))

    @given(st.binary(min_size=40, max_size=60) | st.binary(max_size=60))
    def test_encode_undoes_parse(self, envelope: bytes) -> None:
        for mode in Mode:
            candidate = b"\1\1" + bytes([mode]) + b"\0" + envelope
            try:
                header = parse(candidate)
            except BadCiphertextError:
                continue
            self.assertEqual(header.encode(), candidate[: header.size])

    def test_what_has_no_whole_tag_is_refused(self) -> None:
        for mode, limit in ((1, 0), (2, 0), (3, 1), (5, 0)):
            header = Header(1, mode, 0, b"k" * 16, limit=limit).encode()
            self.assertEqual(parse(header + bytes(16)).mode, mode)
            for length in (0, 15):
                self.assertRaises(BadCiphertextError, parse, header + bytes(length))

    def test_contradictions_are_refused(self) -> None:
        wrong = (
            Header(1, 0, 0, b"k" * 16),
            Header(1, 2, 0, b"k" * 16, counter=1),
            Header(1, 3, 0, b"k" * 16, counter=5, limit=5),
            Header(1, 3, 0, b"k" * 16, limit=0),
            Header(1, 4, 0, b"k" * 16, counter=1, message_id=b"m" * 16, pieces=2),
            Header(1, 4, 0, b"k" * 16, message_id=b"m" * 16, pieces=1),
            Header(1, 4, 0, b"k" * 16, message_id=b"m" * 16, piece=3, pieces=3),
            Header(1, 5, 0, b"k" * 16, counter=1),
            Header(3, 1, 0, b"k" * 16),
            Header(1, 1, 2, b"k" * 16),
        )
        for header in wrong:
            self.assertRaises(BadCiphertextError, parse, header.encode() + bytes(16))
