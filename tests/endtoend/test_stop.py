"""What applications see when their partner's node is stopped, and when it comes back."""

from dataclasses import replace

from dynamicrypt.client import DynamiCrypt
from dynamicrypt.client.channel import Channel
from dynamicrypt.client.errors import PeerDownError, UnknownKeyError
from dynamicrypt.demo.daemon import Daemon
from dynamicrypt.peer.peers import Address, KnownPeers
from dynamicrypt.peer.peers_file import PeersFile
from dynamicrypt.peer.statedir import StateDirectory
from tests.endtoend.service import ServiceTestCase, eventually, make_known

OPTIONS = ("--profile", "fast")


class StopTests(ServiceTestCase):
    def setUp(self) -> None:
        state = self.state()
        self.north, self.south = state / "north", state / "south"
        for directory in (self.north, self.south):
            directory.mkdir(mode=0o700)
        make_known((self.north, self.south))

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

    def assertState(self, channel: Channel, state: str, reason: str) -> None:
        def is_so() -> bool:
            now = channel.state()
            return now.state == state and reason in now.reason

        self.assertTrue(eventually(is_so), channel.state())

    def test_the_partner_is_told_and_has_peer_down_until_the_node_is_back(self) -> None:
        south = Daemon(self.south, *OPTIONS)
        at_north = self.start(Daemon(self.north, *OPTIONS))
        at_south = self.start(south)
        shop = self.channel(at_north, "shop", "bank", "south")
        bank = self.channel(at_south, "bank", "shop", "north")
        self.assertState(shop, "down", "there was no link to the peer yet; the peer has to dial")
        address = Address("127.0.0.1", south.link_port)
        PeersFile(StateDirectory(self.north)).update(
            lambda known: KnownPeers((replace(known.named("south"), address=address),))
        )
        shop.wait(20.0)
        bank.wait(20.0)
        late = bank.encrypt(b"late", mode=2)
        bank.wait(20.0)
        lost = bank.encrypt(b"lost", mode=2)
        south.stop()
        self.assertState(shop, "down", "the link ended: the node stopped; the peer is dialled")
        with self.assertRaises(PeerDownError):
            shop.encrypt(b"in vain", mode=2)
        self.assertEqual(shop.decrypt(late.ciphertext), b"late")
        again = self.start(Daemon(self.south, *OPTIONS, "--listen-port", str(address.port)))
        bank = again.channel("bank", "shop")
        shop.wait(20.0)
        self.assertEqual(bank.decrypt(shop.encrypt(b"fresh", mode=2).ciphertext), b"fresh")
        with self.assertRaises(UnknownKeyError):
            shop.decrypt(lost.ciphertext)
