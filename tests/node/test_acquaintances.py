"""The known peers while their file is broken."""

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.node.acquaintances import Acquaintances
from dynamicrypt.peer.errors import StateFileError
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.peers import KnownPeers, Peer

PEER, OTHER = b"p" * 32, b"o" * 32


class AcquaintancesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.known = KnownPeers((Peer(name="berlin", fingerprint=PEER),))
        self.fault = ""
        self.acquaintances = Acquaintances(self.peers)

    def peers(self) -> KnownPeers:
        if self.fault:
            raise StateFileError(self.fault)
        return self.known

    def test_a_peer_has_its_name_and_a_stranger_its_fingerprint(self) -> None:
        self.assertEqual(self.acquaintances.name_of(PEER), "berlin")
        self.assertEqual(self.acquaintances.name_of(OTHER), show(OTHER))
        self.assertIsNone(self.acquaintances.peer_of(OTHER))

    def test_they_are_as_before_while_the_file_is_broken(self) -> None:
        self.acquaintances.now()
        self.fault = "broken"
        self.assertEqual(self.acquaintances.now(), self.known)
        self.fault, self.known = "", KnownPeers()
        self.assertEqual(len(self.acquaintances.now()), 0)

    def test_a_fault_is_logged_when_it_begins_and_changes(self) -> None:
        with capturedLogs() as logged:
            for self.fault in ("a", "a", "b", "b", "", "", "b"):
                self.acquaintances.now()
        self.assertEqual([str(event["error"]) for event in logged], ["a", "b", "b"])
