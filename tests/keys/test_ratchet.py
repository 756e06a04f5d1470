"""The hybrid exchange of an epoch."""

import hashlib
import json
import random
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.keys import ratchet
from dynamicrypt.keys.ratchet import Offer, ShareError
from dynamicrypt.keys.schedule import EpochKeys, Parties

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "link-exchange.json").read_text())


def seeded(seed: int) -> ratchet.Fill:
    source = random.Random(seed)

    def fill(view: memoryview) -> None:
        view[:] = source.randbytes(len(view))

    return fill


def constant(data: bytes) -> ratchet.Fill:
    def fill(view: memoryview) -> None:
        view[:] = data

    return fill


class ExchangeTests(SynchronousTestCase):
    def test_both_sides_get_the_same_secrets(self) -> None:
        offer = Offer(seeded(1))
        answer, shared = ratchet.answer(offer.share, seeded(2))
        self.assertEqual((len(offer.share), len(answer), len(shared)), (1216, 1120, 64))
        self.assertEqual(offer.finish(answer), shared)

    def test_each_exchange_is_fresh(self) -> None:
        offer = Offer(seeded(1))
        secrets = [bytes(ratchet.answer(offer.share, seeded(seed))[1]) for seed in (2, 3)]
        self.assertNotEqual(secrets[0][:32], secrets[1][:32])
        self.assertNotEqual(secrets[0][32:], secrets[1][32:])

    def test_recorded_exchange(self) -> None:
        offer = Offer(constant(bytes.fromhex(VECTOR["x25519_0"] + VECTOR["mlkem_seed"])))
        self.assertEqual(offer.share.hex(), VECTOR["offer"])
        self.assertEqual(offer.finish(bytes.fromhex(VECTOR["answer"])).hex(), VECTOR["shared"])

    def test_shares_of_other_lengths_and_weak_points_are_refused(self) -> None:
        offer = Offer(seeded(1))
        answer, _ = ratchet.answer(offer.share, seeded(2))
        for share in (b"", answer[:-1], answer + b"x", bytes(32) + answer[32:]):
            with self.assertRaises(ShareError):
                offer.finish(share)
        for share in (b"", offer.share[:-1], offer.share + b"x", bytes(32) + offer.share[32:]):
            with self.assertRaises(ShareError):
                ratchet.answer(share, seeded(2))

    def test_an_encapsulation_key_out_of_range_is_refused(self) -> None:
        share = Offer(seeded(1)).share[:32] + b"\xff" * 1184
        with self.assertRaises(ShareError):
            ratchet.answer(share, seeded(2))

    @settings(max_examples=30)
    @given(st.integers(0, 1119), st.integers(1, 255))
    def test_a_changed_answer_gives_other_secrets(self, place: int, change: int) -> None:
        offer = Offer(seeded(1))
        share, shared = ratchet.answer(offer.share, seeded(2))
        changed = bytearray(share)
        changed[place] ^= change
        try:
            other = offer.finish(bytes(changed))
        except ShareError:
            return
        # The top bit of an X25519 key is ignored (RFC 7748, section 5).
        if not (place == 31 and change == 0x80):
            self.assertNotEqual(other, shared)

    def test_transcripts_tell_lines_and_epochs_apart(self) -> None:
        cases = [(0, b"a", b"b"), (1, b"a", b"b"), (0, b"ab", b""), (0, b"b", b"a")]
        self.assertEqual(len({ratchet.transcript(*case) for case in cases}), len(cases))

    def test_a_seed_does_not_stay_in_the_buffer(self) -> None:
        buffers: list[memoryview] = []

        def fill(view: memoryview) -> None:
            view[:] = hashlib.shake_256(b"seed").digest(len(view))
            buffers.append(view)

        share = Offer(fill).share
        ratchet.answer(share, fill)
        self.assertEqual([bytes(view) for view in buffers], [bytes(96), bytes(32)])

    def test_no_copy_of_a_seed_is_made_for_the_libraries(self) -> None:
        given = []

        class X25519:
            @staticmethod
            def from_private_bytes(data: memoryview) -> X25519PrivateKey:
                given.append(data)
                return X25519PrivateKey.from_private_bytes(data)

        class MLKEM768:
            @staticmethod
            def from_seed_bytes(data: memoryview) -> MLKEM768PrivateKey:
                given.append(data)
                return MLKEM768PrivateKey.from_seed_bytes(data)

        self.patch(ratchet, "X25519PrivateKey", X25519)
        self.patch(ratchet, "MLKEM768PrivateKey", MLKEM768)
        share = Offer(seeded(1)).share
        ratchet.answer(share, seeded(2))
        self.assertEqual([bytes(part) for part in given], [bytes(32), bytes(64), bytes(32)])

    def test_secrets_are_wiped_when_the_epoch_has_its_keys(self) -> None:
        shared = bytearray(b"s" * 64)
        secrets: list[bytearray] = []

        def epoch_keys(number: int, secret: bytearray, parties: Parties) -> EpochKeys:
            secrets.append(secret)
            return EpochKeys(number, secret, parties)

        self.patch(ratchet, "EpochKeys", epoch_keys)
        parties = Parties(fingerprints=(bytes(32), b"f" * 32))
        ratchet.next_epoch(
            number=0, prior=bytes(32), shared=shared, exchange=bytes(32), parties=parties
        )
        self.assertEqual((shared, secrets), (bytes(64), [bytes(32)]))
