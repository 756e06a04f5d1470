"""The corpora of the fuzzers, once through."""

import gc
from pathlib import Path
from types import ModuleType

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import connection, envelope, peer, requests

CORPUS = Path(__file__).parent / "corpus"


class CorpusCase(SynchronousTestCase):
    def replay(self, target: ModuleType) -> None:
        """Take every seed, and every input of the corpus."""
        room = CORPUS / target.__name__.rpartition(".")[2]
        inputs = [path.read_bytes() for path in sorted(room.iterdir())]
        self.assertGreater(len(inputs), 50)
        for data in [*target.seeds(), *inputs]:
            target.one_input(data)


class EnvelopeTests(CorpusCase):
    def test_every_input_opens_or_has_a_stated_error(self) -> None:
        self.replay(envelope)

    @given(st.binary(max_size=300))
    def test_any_input(self, data: bytes) -> None:
        envelope.one_input(data)


class RequestTests(CorpusCase):
    def test_every_request_has_a_documented_answer(self) -> None:
        self.replay(requests)

    def test_requests_that_are_refused_leave_nothing(self) -> None:
        server = requests.Server()
        asked = [requests.read_input(seed) for seed in requests.seeds()]
        refused = [each for each in asked if each and server.take(each).status >= 400]
        self.assertGreater(len(refused), 10)
        # Trial's processes keep what they tell each other of the log.
        self.patch(LogPublisher, "__call__", lambda _publisher, _event: None)
        sizes = []
        for _ in range(4):
            for each in refused:
                server.take(each)
            gc.collect()
            sizes.append(len(gc.get_objects()))
        self.assertLess(sizes[-1] - sizes[1], 20)


class ConnectionTests(CorpusCase):
    def test_the_fast_lane_answers_as_the_usual_way_does(self) -> None:
        self.replay(connection)


class PeerTests(CorpusCase):
    def test_every_peer_is_heard_out_or_refused(self) -> None:
        self.replay(peer)
