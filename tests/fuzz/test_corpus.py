"""The corpus of the fuzzer, once through."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import envelope

CORPUS = Path(__file__).parent / "corpus"


class EnvelopeTests(SynchronousTestCase):
    def test_every_input_of_the_corpus_opens_or_has_a_stated_error(self) -> None:
        inputs = sorted((CORPUS / "envelope").iterdir())
        self.assertGreater(len(inputs), len(envelope.seeds()))
        for path in inputs:
            envelope.one_input(path.read_bytes())

    def test_seeds_open(self) -> None:
        for seed in envelope.seeds():
            envelope.one_input(seed)

    @given(st.binary(max_size=300))
    def test_any_input(self, data: bytes) -> None:
        envelope.one_input(data)
