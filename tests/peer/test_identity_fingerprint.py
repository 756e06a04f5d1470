"""The form in which people compare, read out and type fingerprints."""

import base64
import hashlib
import subprocess

from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer import fingerprint, identity, transcription
from dynamicrypt.peer.errors import MistypedError

FINGERPRINTS = st.binary(min_size=32, max_size=32)
SYMBOLS = st.integers(0, 31)
BLOCKS = st.lists(SYMBOLS, min_size=1, max_size=transcription.MAX_BLOCK)


class TranscriptionTests(SynchronousTestCase):
    @given(block=BLOCKS, data=st.data())
    def test_finds_every_wrong_symbol(self, block: list[int], data: st.DataObject) -> None:
        marked = [*block, transcription.check(block)]
        place = data.draw(st.integers(0, len(marked) - 1))
        marked[place] ^= data.draw(st.integers(1, 31))
        self.assertNotEqual(transcription.check(marked[:-1]), marked[-1])

    @given(block=BLOCKS, data=st.data())
    def test_finds_every_exchange_of_two_symbols(
        self, block: list[int], data: st.DataObject
    ) -> None:
        marked = [*block, transcription.check(block)]
        one, other = (data.draw(st.integers(0, len(marked) - 1)) for _ in range(2))
        right = list(marked)
        marked[one], marked[other] = marked[other], marked[one]
        found = transcription.check(marked[:-1]) != marked[-1]
        self.assertEqual(found, marked != right)

    def test_the_weights_of_a_block_are_different(self) -> None:
        units = [transcription.check([1, *[0] * zeros]) for zeros in range(transcription.MAX_BLOCK)]
        self.assertEqual(len({1, *units}), transcription.MAX_BLOCK + 1)

    @given(number=st.integers(0, 2**50 - 1))
    def test_join_undoes_split(self, number: int) -> None:
        self.assertEqual(transcription.join(transcription.split(number, 10)), number)

    def test_reads_letters_that_look_like_digits(self) -> None:
        self.assertEqual(transcription.symbols("O o I i L l"), [0, 0, 1, 1, 1, 1])

    def test_refuses_other_characters(self) -> None:
        for character in "uU!é0\u0660"[:4]:
            self.assertRaises(MistypedError, transcription.symbols, character)


class FingerprintTests(SynchronousTestCase):
    def test_is_the_digest_that_openssl_and_sha256sum_show(self) -> None:
        node = identity.generate()
        pem = node.certificate.public_bytes(Encoding.PEM)
        public = subprocess.run(
            ["openssl", "x509", "-pubkey", "-noout"], input=pem, capture_output=True, check=True
        )
        der = subprocess.run(
            ["openssl", "pkey", "-pubin", "-outform", "DER"],
            input=public.stdout,
            capture_output=True,
            check=True,
        )
        self.assertEqual(hashlib.sha256(der.stdout).digest(), node.fingerprint)

    @given(value=FINGERPRINTS)
    def test_read_undoes_show(self, value: bytes) -> None:
        self.assertEqual(fingerprint.read(fingerprint.show(value)), value)

    @given(value=FINGERPRINTS)
    def test_is_shown_in_eight_groups_of_seven(self, value: bytes) -> None:
        self.assertRegex(fingerprint.show(value), r"\A[0-9a-z]{7}(-[0-9a-z]{7}){7}\Z")

    @given(value=FINGERPRINTS)
    def test_reads_what_people_make_of_it(self, value: bytes) -> None:
        shown = fingerprint.show(value)
        lines = shown.replace("-", " ").upper().replace("0", "O").replace("1", "l")
        self.assertEqual(fingerprint.read(f"  {lines}\n"), value)
        self.assertEqual(fingerprint.read(value.hex(":").upper()), value)

    def test_has_a_fixed_form(self) -> None:
        self.assertEqual(
            fingerprint.show(bytes(range(32))),
            "000g40r-40m30e2-209185g-r38e1wn-8124gk2-gahc5rr-r34d1p7-0x3rfg8",
        )

    @given(value=FINGERPRINTS)
    def test_is_base_32_in_another_alphabet(self, value: bytes) -> None:
        standard = base64.b32encode(value).decode().rstrip("=").lower()
        crockford = standard.translate(
            str.maketrans("abcdefghijklmnopqrstuvwxyz234567", transcription.ALPHABET)
        )
        marked = fingerprint.show(value).replace("-", "")
        self.assertEqual("".join(marked[at : at + 13] for at in range(0, 56, 14)), crockford)

    @given(value=FINGERPRINTS, data=st.data())
    def test_names_the_groups_with_a_wrong_character(
        self, value: bytes, data: st.DataObject
    ) -> None:
        shown = fingerprint.show(value)
        place = data.draw(st.sampled_from([i for i, c in enumerate(shown) if c != "-"]))
        others = sorted(set(transcription.ALPHABET) - {shown[place]})
        wrong = shown[:place] + data.draw(st.sampled_from(others)) + shown[place + 1 :]
        first = place // 16 * 2 + 1
        with self.assertRaises(MistypedError) as caught:
            fingerprint.read(wrong)
        self.assertIn(f"group {first} or {first + 1}", str(caught.exception))

    def test_refuses_bits_beyond_the_fingerprint(self) -> None:
        block = [31] * 13
        shown = transcription.text([*block, transcription.check(block)] * 4)
        self.assertRaises(MistypedError, fingerprint.read, shown)

    @given(text=st.text())
    def test_reads_or_refuses_any_text(self, text: str) -> None:
        try:
            value = fingerprint.read(text)
        except MistypedError:
            return
        self.assertEqual(len(value), 32)

    @given(text=st.text(alphabet=transcription.ALPHABET, min_size=55, max_size=57))
    def test_what_it_reads_it_shows_alike(self, text: str) -> None:
        try:
            value = fingerprint.read(text)
        except MistypedError:
            return
        self.assertEqual(fingerprint.show(value).replace("-", ""), text)
