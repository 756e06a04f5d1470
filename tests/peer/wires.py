"""Two nodes with real TLS between them and no network."""

from dataclasses import dataclass, field
from typing import Any

from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.test import iosim
from zope.interface import implementer

from dynamicrypt.peer import identity
from dynamicrypt.peer.admission import Admission
from dynamicrypt.peer.doorway import security_of
from dynamicrypt.peer.handshake import (
    HandshakeCounts,
    SecuredEndpoint,
    SecuredListener,
)
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.peers import KnownPeers, Peer
from dynamicrypt.peer.tls import LINK_PROTOCOL, KnownPeersOnly, LinkSecurity, TlsIdentity, Trust

#: Made once: a test that needs two nodes takes these.
ALICE, BOB, MALLORY = (identity.generate() for _ in range(3))


class Talker(Protocol):
    """An application that notes what it is told, and greets if it has a greeting."""

    def __init__(self, greeting: bytes) -> None:
        self.greeting = greeting
        self.received = b""
        self.security: LinkSecurity | None = None
        self.lost: BaseException | None = None

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.security = security_of(self.transport)
        self.transport.write(self.greeting)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason.value


class Talkers(Factory):
    """Makes talkers and keeps them."""

    noisy = False

    def __init__(self, greeting: bytes = b"") -> None:
        self.greeting = greeting
        self.made: list[Talker] = []

    def buildProtocol(self, addr: IAddress | None) -> Any:
        talker = Talker(self.greeting)
        self.made.append(talker)
        return talker


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Dials a listening factory, as from `host`; `pump` moves the bytes."""

    def __init__(self, listener: IProtocolFactory, clock: Clock, host: str = "192.0.2.1") -> None:
        self.listener = listener
        self.clock = clock
        self.caller = IPv4Address("TCP", host, 40000)
        self.pump: Any = None

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        server = self.listener.buildProtocol(self.caller)
        if server is None:
            return fail(ConnectError())
        client = protocolFactory.buildProtocol(IPv4Address("TCP", "192.0.2.2", 7000))
        assert client is not None
        self.pump = iosim.connect(
            server,
            iosim.FakeTransport(server, isServer=True, peerAddress=self.caller),
            client,
            iosim.FakeTransport(client, isServer=False),
            greet=False,
            clock=self.clock,
        )
        return succeed(client)


@dataclass(kw_only=True)
class Node:
    """One side of a connection: an identity, the peers that it knows, and its application."""

    own: Identity
    peers: KnownPeers = field(default_factory=KnownPeers)
    protocol: bytes = LINK_PROTOCOL
    talkers: Talkers = field(default_factory=Talkers)
    counts: HandshakeCounts = field(default_factory=HandshakeCounts)
    #: For OpenSSL's list of groups; empty for its defaults.
    groups: bytes = b""
    #: What looking up the peers raises, if anything.
    broken: Exception | None = None

    def known(self) -> KnownPeers:
        if self.broken is not None:
            raise self.broken
        return self.peers

    def tls(self) -> TlsIdentity:
        made = TlsIdentity(self.own, self.protocol)
        if self.groups:
            # Pyopenssl has no public switch; the program has no need for one.
            library: Any = SSL
            assert library._lib.SSL_CTX_set1_curves_list(made._context._context, self.groups)
        return made

    def trust(self, expected: bytes | None = None) -> Trust:
        return KnownPeersOnly(self.own.fingerprint, self.known, expected)

    def listener(self, clock: Clock, admission: Admission | None = None) -> SecuredListener:
        return SecuredListener(
            self.tls().server_options(self.trust()),
            self.talkers,
            admission or Admission(clock.seconds),
            self.counts,
            clock,
        )

    def endpoint(
        self, tcp: IStreamClientEndpoint, expected: bytes, clock: Clock
    ) -> SecuredEndpoint:
        return SecuredEndpoint(
            tcp, self.tls().client_options(self.trust(expected)), self.counts, clock
        )


def knowing(*owners: Identity, allow_classical: bool = False) -> KnownPeers:
    """The peers who own these identities, called n0, n1, …"""
    return KnownPeers(
        tuple(
            Peer(name=f"n{i}", fingerprint=owner.fingerprint, allow_classical=allow_classical)
            for i, owner in enumerate(owners)
        )
    )
