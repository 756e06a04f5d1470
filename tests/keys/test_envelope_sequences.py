"""What becomes of envelopes that depend on those before them, against their vectors."""

import hashlib
import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import BadCiphertextError, DynamiCryptError
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.pieces import Gatherer
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.keys.stream import StreamOpener
from tests.keys import plain_sequences

PATH = Path(__file__).parents[1] / "vectors" / "envelope-sequences.json"
VECTORS: dict[str, Any] = json.loads(PATH.read_text("utf-8"))
NOW = 1.0


def receiver(case: dict[str, Any], keys: list[dict[str, str]]) -> ChannelCipher:
    """Who opens the vector, with its keys."""
    store = KeyStore()
    for each in keys:
        store.add(bytes.fromhex(each["key_id"]), bytes.fromhex(each["key"]), owner=False, now=0.0)
    return ChannelCipher(1 - case["direction"], bytes.fromhex(case["binding"]), store)


class SequenceTests(SynchronousTestCase):
    def test_vectors_are_those_of_the_second_implementation(self) -> None:
        self.assertEqual(plain_sequences.vectors(), VECTORS)

    def test_each_step_of_each_sequence(self) -> None:
        for case in VECTORS["sequences"]:
            cipher = receiver(case, case["keys"])
            gatherer = Gatherer(cipher)
            context = bytes.fromhex(case["context"])
            for step in case["steps"]:
                envelope = bytes.fromhex(step["envelope"])
                way_in = gatherer if envelope[2] == 4 else cipher
                plaintext = None
                try:
                    plaintext = way_in.open(envelope, context, NOW)
                    result = "gathered" if plaintext is None else "opened"
                except DynamiCryptError as error:
                    result = error.code
                about = f"{case['about']}: {step['why']}"
                self.assertEqual(result, step["result"], about)
                if plaintext is not None:
                    self.assertEqual(plaintext.hex(), step["plaintext"], about)

    def test_each_stream(self) -> None:
        for case in VECTORS["streams"]:
            stream = plain_sequences.chunks_of(case, case["chunks"])
            stream = stream[: len(stream) - case["cut"]]
            self.assertEqual(hashlib.sha256(stream).hexdigest(), case["sha256"])
            opener = StreamOpener(receiver(case, [case]), bytes.fromhex(case["context"]))
            try:
                opener.update(stream, NOW)
                opener.finish(NOW)
                result = "opened"
            except BadCiphertextError as error:
                result = error.code
            self.assertEqual(result, case["result"], case["why"])
