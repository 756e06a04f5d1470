"""Two nodes in this process, wire 2 between them over TLS on loopback."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from dynamicrypt.errors import NoKeyYetError
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.node import Node
from dynamicrypt.node.registry import ServicesFile
from dynamicrypt.node.service import SealedMessage
from dynamicrypt.params import PROFILES
from dynamicrypt.peer.identity import Identity, generate
from dynamicrypt.peer.peers import Address, KnownPeers, Peer

reactor: Any = installed_reactor
HOST = "127.0.0.1"


@dataclass
class Host:
    """A machine with an identity and known peers, and the node that runs on it."""

    name: str
    identity: Identity = field(default_factory=generate)
    known: KnownPeers = field(default_factory=KnownPeers)
    node: Any = None
    port: int = 0
    listening: Any = None

    def start(self, profile: str = "fast", saved: ServicesFile | None = None) -> None:
        """Start a node; a later one gets the same port."""
        self.node = Node(
            reactor,
            identity=self.identity,
            peers=lambda: self.known,
            name=self.name,
            profile=PROFILES[profile],
            advertised={1: (HOST, 4711), 2: (HOST, 4712)},
            saved=saved,
        )
        self.listening = reactor.listenTCP(self.port, self.node.link_listener(), interface=HOST)
        self.port = self.listening.getHost().port
        self.node.startService()

    async def stop(self) -> None:
        """End the node, as a process ends."""
        await self.listening.stopListening()
        self.node.stopService()

    def trust(self, *others: "Host") -> None:
        """Know these hosts as peers."""
        self.known = KnownPeers(
            tuple(Peer(name=each.name, fingerprint=each.identity.fingerprint) for each in others)
        )

    @property
    def link(self) -> Any:
        """The one link of the node."""
        (link,) = self.node._exchange.links
        return link


class ExchangeTestCase(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.one, self.two = Host("one"), Host("two")
        self.one.trust(self.two)
        self.two.trust(self.one)
        for host in (self.one, self.two):
            host.start()
        self.addCleanup(self.end)

    async def end(self) -> None:
        for host in (self.one, self.two):
            await host.stop()
        await deferLater(reactor, 0.05)

    def register(self) -> None:
        """Register alice and bob as each other's partners."""
        for host, name, partner in ((self.one, "alice", "bob"), (self.two, "bob", "alice")):
            host.node.register(name, owner="o")
            host.node.configure(name, partner, owner="o")

    async def synchronise(self) -> None:
        await self.one.node.synchronise("alice", "bob", HOST, self.two.port, owner="o")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the network; the test's timeout ends it."""
        while not condition():
            await deferLater(reactor, 0.005)

    async def sealed(self, host: Host, name: str, text: str, mode: int = 1) -> SealedMessage:
        """Encrypt as soon as there is a key."""
        while True:
            try:
                result: SealedMessage = host.node.encrypt(name, text, mode, owner="o")
            except NoKeyYetError:
                await deferLater(reactor, 0.005)
            else:
                return result

    def opened(self, host: Host, name: str, sealed: SealedMessage, mode: int = 1) -> str:
        text: str = host.node.decrypt(name, sealed.message, sealed.hash, mode, owner="o")
        return text


class ChannelTestCase(ExchangeTestCase):
    def setUp(self) -> None:
        super().setUp()
        for host, other in ((self.one, self.two), (self.two, self.one)):
            host.known = KnownPeers(
                (
                    Peer(
                        name=other.name,
                        fingerprint=other.identity.fingerprint,
                        address=Address(HOST, other.port),
                    ),
                )
            )

    def open(self, host: Host, name: str, partner: str) -> LinkChannel:
        """A service with a channel to the other host."""
        (peer,) = host.known
        host.node.create_service(name, owner="o")
        return cast("LinkChannel", host.node.open_channel(name, partner, peer=peer.name, owner="o"))

    async def pair(self) -> tuple[LinkChannel, LinkChannel]:
        """Both ends of a channel with keys for either side."""
        alice, bob = self.open(self.one, "alice", "bob"), self.open(self.two, "bob", "alice")
        await alice.when_ready(8)
        await bob.when_ready(8)
        return alice, bob
