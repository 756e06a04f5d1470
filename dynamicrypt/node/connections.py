"""The connections of wire 2, dialled and answered: TLS between this node and those it knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, cast

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from dynamicrypt.node.reactor import Reactor
from dynamicrypt.peer.admission import Admission as Doorkeeper
from dynamicrypt.peer.handshake import HandshakeCounts, SecuredEndpoint, SecuredListener
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.link import LinkOwner, LinkProtocol
from dynamicrypt.peer.peers import Address, KnownPeers
from dynamicrypt.peer.tls import LINK_PROTOCOL, KnownPeersOnly, TlsIdentity


class Connections:
    """All connections that have passed or will pass the handshake, whether they are links or not.

    `peers` gives the known peers of the moment, `owner` keeps what comes up. Counters: `handshakes`
    by (group, result), and `doorkeeper.turned_away` of strangers.
    """

    def __init__(
        self,
        reactor: Reactor,
        *,
        identity: Identity,
        peers: Callable[[], KnownPeers],
        owner: LinkOwner,
    ) -> None:
        self.handshakes: Final[HandshakeCounts] = Counter()
        self.doorkeeper: Final = Doorkeeper(reactor.seconds)
        self._reactor = reactor
        self._fingerprint = identity.fingerprint
        self._tls = TlsIdentity(identity, LINK_PROTOCOL)
        self._peers = peers
        self._owner = owner
        self._open: set[LinkProtocol] = set()
        self._stopped = False

    def __iter__(self) -> Iterator[LinkProtocol]:
        return iter(list(self._open))

    def __len__(self) -> int:
        return len(self._open)

    def start(self) -> None:
        """Let connections in."""
        self._stopped = False

    def stop(self) -> None:
        """End them all; who is still at the handshake will not be let in."""
        self._stopped = True
        for connection in self:
            connection.drop()

    def listener(self) -> SecuredListener:
        """The factory for the port of wire 2."""
        trust = KnownPeersOnly(self._fingerprint, self._peers)
        return SecuredListener(
            self._tls.server_options(trust),
            _Protocols(self._make),
            self.doorkeeper,
            self.handshakes,
            self._reactor,
        )

    async def connect(self, address: Address, fingerprint: bytes | None) -> LinkProtocol:
        """A connection to a known peer at this address, to none but the one that is given."""
        tcp = HostnameEndpoint(self._reactor, address.host, address.port)
        trust = KnownPeersOnly(self._fingerprint, self._peers, fingerprint)
        options = self._tls.client_options(trust)
        endpoint = SecuredEndpoint(tcp, options, self.handshakes, self._reactor)
        factory = _Protocols(lambda: self._make(address))
        return cast("LinkProtocol", await endpoint.connect(factory))

    def lost(self, connection: LinkProtocol) -> None:
        """A connection is gone."""
        self._open.discard(connection)

    def _make(self, address: Address | None = None) -> LinkProtocol | None:
        if self._stopped:
            return None
        connection = LinkProtocol(self._owner, self._reactor, address)
        if address is None:
            connection.accepted.addErrback(lambda _: None)
        self._open.add(connection)
        return connection


class _Protocols(Factory):
    """Builds the protocol of each connection."""

    noisy = False

    def __init__(self, build: Callable[[], LinkProtocol | None]) -> None:
        self._build = build

    def buildProtocol(self, addr: IAddress | None) -> LinkProtocol | None:
        return self._build()
