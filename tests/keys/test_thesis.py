"""The cipher of the 2019 program, against its captured answers."""

import hashlib
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import BadCiphertextError, ParameterError
from dynamicrypt.keys import thesis

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "thesis-cipher.json").read_text("utf-8")
)
KEY = bytearray(range(32))


class FoldTests(SynchronousTestCase):
    def test_what_is_folded_does_not_stay_in_its_buffer(self) -> None:
        buffers: list[bytearray] = []

        class Noted(bytearray):
            def __init__(self, source: bytes) -> None:
                super().__init__(source)
                buffers.append(self)

        vars(thesis)["bytearray"] = Noted
        self.addCleanup(vars(thesis).pop, "bytearray")
        thesis.fold(b"8" * 72)
        self.assertEqual(buffers, [bytes(72)])

    def test_folds_as_the_2019_program(self) -> None:
        for vector in VECTORS["folding"]:
            key = thesis.fold(vector["key_string"].encode())
            self.assertEqual(key.hex(), vector["aes_key"])

    def test_leaves_the_key_string_alone(self) -> None:
        key_string = bytearray(b"4" * 72)
        thesis.fold(key_string)
        self.assertEqual(key_string, b"4" * 72)

    def test_refuses_other_lengths(self) -> None:
        for length in (0, 71, 73):
            self.assertRaises(ParameterError, thesis.fold, bytes(length))

    def test_all_characters_but_two_matter(self) -> None:
        plain = thesis.fold(b"0" * 72)
        lost = [at for at in range(72) if thesis.fold(b"0" * at + b"1" + b"0" * (71 - at)) == plain]
        self.assertEqual(lost, [32, 39])


class CipherTests(SynchronousTestCase):
    def test_encrypts_as_the_2019_program(self) -> None:
        for vector in VECTORS["messages"]:
            key = bytearray.fromhex(vector["aes_key"])
            plaintext = vector["plaintext"].encode()
            self.assertEqual(thesis.encrypt(key, plaintext), vector["message"])
            self.assertEqual(thesis.digest(plaintext), vector["hash"])

    def test_opens_what_the_2019_program_encrypted(self) -> None:
        for vector in VECTORS["messages"]:
            key = bytearray.fromhex(vector["aes_key"])
            ciphertext = thesis.decode(vector["message"])
            opened = thesis.decrypt(key, ciphertext, vector["hash"])
            self.assertEqual(opened, vector["plaintext"].encode())

    def test_lines_have_72_characters(self) -> None:
        message = thesis.encrypt(KEY, bytes(143))
        self.assertEqual([len(line) for line in message.split("\n")], [72, 72, 48, 0])
        # 432 bytes of ciphertext fill the last line exactly: no empty line follows.
        message = thesis.encrypt(KEY, bytes(430))
        self.assertEqual([len(line) for line in message.split("\n")], [72] * 8 + [0])

    def test_refuses_what_cannot_be_a_message(self) -> None:
        for vector in VECTORS["not_messages"]:
            self.assertRaises(BadCiphertextError, thesis.decode, vector["message"])

    def test_does_not_open_under_another_hash(self) -> None:
        message = thesis.encrypt(KEY, b"round trip")
        right = thesis.digest(b"round trip")
        for wrong in (
            right.lower(),
            "",
            "0" * 64,
            right[:-1],
            right + "0",
            "\u00e9" * 64,
            "\ud800",
        ):
            self.assertIsNone(thesis.decrypt(KEY, thesis.decode(message), wrong))

    def test_does_not_open_under_another_key(self) -> None:
        message = thesis.encrypt(KEY, b"round trip")
        other = bytearray(32)
        hash_ = thesis.digest(b"round trip")
        self.assertIsNone(thesis.decrypt(other, thesis.decode(message), hash_))

    @given(st.binary(max_size=500), st.sampled_from(["\n", "\r\n", ""]))
    def test_round_trip(self, plaintext: bytes, line_end: str) -> None:
        message = thesis.encrypt(KEY, plaintext).replace("\n", line_end)
        hash_ = hashlib.sha256(plaintext).hexdigest().upper()
        self.assertEqual(thesis.decrypt(KEY, thesis.decode(message), hash_), plaintext)

    @given(st.text(max_size=100))
    def test_any_text_decodes_or_is_bad_ciphertext(self, message: str) -> None:
        try:
            ciphertext = thesis.decode(message)
        except BadCiphertextError:
            return
        self.assertEqual(len(ciphertext) % 16, 0)
