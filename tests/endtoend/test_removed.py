"""What applications see when the peer of their channel is removed from a running node."""

from dynamicrypt.client import DynamiCrypt
from dynamicrypt.client.channel import Channel
from dynamicrypt.client.errors import UnknownKeyError, UnknownPeerError
from dynamicrypt.demo.daemon import Daemon
from dynamicrypt.peer.peers import Address, KnownPeers, Peer
from dynamicrypt.peer.peers_file import PeersFile
from dynamicrypt.peer.statedir import StateDirectory
from tests.endtoend.service import ServiceTestCase, eventually, make_known

OPTIONS = ("--profile", "fast")


class RemovedTests(ServiceTestCase):
    def setUp(self) -> None:
        state = self.state()
        north, south = state / "north", state / "south"
        for directory in (north, south):
            directory.mkdir(mode=0o700)
        make_known((north, south))
        self.directory = StateDirectory(north)
        self.peers = PeersFile(self.directory)
        self.north, self.south = Daemon(north, *OPTIONS), Daemon(south, *OPTIONS)
        at_south = self.start(self.south)
        (peer,) = self.peers.current()
        address = Address("127.0.0.1", self.south.link_port)
        self.peer = Peer(name=peer.name, fingerprint=peer.fingerprint, address=address)
        self.peers.update(lambda _: KnownPeers((self.peer,)))
        self.shop = self.channel(self.start(self.north), "shop", "bank", "south")
        self.bank = self.channel(at_south, "bank", "shop", "north")
        for channel in (self.shop, self.bank):
            self.assertTrue(channel.wait(20.0).ready)

    def start(self, node: Daemon) -> DynamiCrypt:
        """Start a node; its owner as a client who does not wait."""
        node.start()
        self.addCleanup(self.end, node)
        client = DynamiCrypt(state_dir=node.state, patience=0.0)
        self.addCleanup(client.close)
        return client

    def channel(self, client: DynamiCrypt, service: str, partner: str, peer: str) -> Channel:
        client.create_service(service)
        return client.open_channel(service, partner, peer=peer)

    def removed(self) -> bool:
        return "the peer is known no more" in self.shop.state().reason

    def assertNothingShared(self) -> None:
        for mode in (1, 2, 4):
            with self.assertRaises(UnknownPeerError):
                self.shop.encrypt(b"in vain", mode=mode)

    def test_keys_end_with_the_trust_and_new_ones_come_with_it(self) -> None:
        before = self.bank.encrypt(b"before", mode=2)
        self.peers.update(lambda known: known.without("south"))
        self.assertTrue(eventually(self.removed), self.shop.state())
        self.assertNothingShared()
        self.assertEqual(self.shop.state().state, "down")
        after = self.bank.encrypt(b"after", mode=2)
        for message in (before, after):
            with self.assertRaises(UnknownKeyError):
                self.shop.decrypt(message.ciphertext)
        self.north.stop()
        again = self.start(Daemon(self.north.state, *OPTIONS))
        self.shop = again.channel("shop", "bank")
        self.assertNothingShared()
        self.peers.update(lambda known: known.with_peer(self.peer))
        self.assertTrue(self.shop.wait(20.0).ready)
        sealed = self.shop.encrypt(b"fresh", mode=2)
        self.assertEqual(self.bank.decrypt(sealed.ciphertext), b"fresh")

    def test_a_mistake_in_the_file_ends_nothing(self) -> None:
        before = self.bank.encrypt(b"before", mode=2)
        self.directory.replace("peers.json", b"{")
        self.assertTrue(eventually(lambda: "is known still" in self.north.log))
        self.assertTrue(self.shop.wait(5.0).ready)
        self.assertEqual(self.shop.decrypt(before.ciphertext), b"before")
        self.assertEqual(
            self.bank.decrypt(self.shop.encrypt(b"still", mode=2).ciphertext), b"still"
        )
