"""The links of a node: one to each peer, whoever dials, kept alive where a channel needs it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from dynamicrypt._core import Bank, Fill, system_fill
from dynamicrypt.errors import PeerDownError, PeerRemovedError
from dynamicrypt.node.connections import Connections
from dynamicrypt.node.dialling import Dialling
from dynamicrypt.node.endings import (
    CLASSICAL,
    GOODBYE,
    REMOVED,
    UNPAIRED,
    UNUSED,
    Absence,
)
from dynamicrypt.node.link_table import LinkTable, LinkWatcher
from dynamicrypt.node.reactor import Reactor
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.link import LinkProtocol
from dynamicrypt.peer.peers import Address, KnownPeers, Peer
from dynamicrypt.peer.tls import HYBRID_GROUP, LinkSecurity
from dynamicrypt.session.link import LinkSession
from dynamicrypt.session.link_admission import Admission, Refusal
from dynamicrypt.session.link_alive import LinkTimes
from dynamicrypt.session.link_events import (
    ChannelEvent,
    ChannelName,
    EpochBegun,
    LinkDown,
    LinkEvent,
    LinkUp,
    PeerIncarnationChanged,
)
from dynamicrypt.session.link_node import ThisNode
from dynamicrypt.tpm.machine import new_bank

#: Bytes of the mark of one process.
INCARNATION_BYTES: Final = 16
#: How often (s) the sessions look at the clock.
TICK: Final = 1.0


class ChannelOwner(LinkWatcher, Protocol):
    """Who has the channels that the links carry; see `node.exchange`."""

    def judge(self, fingerprint: bytes, name: ChannelName) -> Admission | Refusal:
        """Decide on a channel that this peer opens."""

    def happened(self, link: LinkProtocol, event: ChannelEvent) -> None:
        """An event of a channel."""


class Links:
    """All links of this node.

    `peers` gives the known peers of the moment. `reconnects` counts by fingerprint.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        *,
        identity: Identity,
        peers: Callable[[], KnownPeers],
        name: str,
        times: LinkTimes,
        owner: ChannelOwner,
    ) -> None:
        self.fingerprint: Final = identity.fingerprint
        self.incarnation: Final = os.urandom(INCARNATION_BYTES)
        self._reactor = reactor
        self._peers = peers
        self._node = ThisNode(
            fingerprint=identity.fingerprint,
            name=name,
            incarnation=self.incarnation,
            make_bank=_make_bank,
            fill=system_fill,
            times=times,
        )
        self._owner = owner
        self._table = LinkTable(reactor.seconds, self.name_of, owner)
        self.reconnects: Final = self._table.reconnects
        self.connections: Final = Connections(reactor, identity=identity, peers=peers, owner=self)
        self._dialling = Dialling(reactor, self)
        self._ticker = LoopingCall(self._tick)
        self._ticker.clock = reactor

    def __iter__(self) -> Iterator[LinkProtocol]:
        return iter(self._table)

    def link(self, fingerprint: bytes) -> LinkProtocol | None:
        """The link to a peer, if it is up."""
        return self._table.link(fingerprint)

    def start(self) -> None:
        """Let the clock of the links run, and connections in."""
        self.connections.start()
        self._ticker.start(TICK, now=False).addErrback(
            lambda failure: self._log.failure("the links' clock stopped", failure)
        )

    def stop(self) -> None:
        """End every link and every dial, and let nobody in."""
        if self._ticker.running:
            self._ticker.stop()
        for link in self:
            link.stop(GOODBYE)
        self._dialling.stop()
        self.connections.stop()

    async def reach(self, address: Address) -> LinkProtocol:
        """The link to whoever is at this address, dialled if need be and kept alive from now on.

        Only known peers are talked to. Raises what kept the first attempt from success, and gives
        up then.
        """
        for link in self:
            if link.address == address:
                self._dialling.keep(address, link.fingerprint, known=False)
                return link
        return await self._dialling.reach(address)

    def keep(self, fingerprint: bytes) -> None:
        """Dial this peer whenever there is no link to it, if its address is known now."""
        peer = self.peer_of(fingerprint)
        if peer is not None and peer.address is not None:
            self._dialling.keep(peer.address, fingerprint, known=True)

    def peer_of(self, fingerprint: bytes) -> Peer | None:
        """The peer as it is known now, None if it is not."""
        return self._peers().owner_of(fingerprint)

    def name_of(self, fingerprint: bytes) -> str:
        """What people call this peer: its name, or its fingerprint if it is known no more."""
        peer = self.peer_of(fingerprint)
        return show(fingerprint) if peer is None else peer.name

    def absence(self, fingerprint: bytes) -> Absence:
        """Why there is no link to a peer, and whether one is to come."""
        loss = self._table.losses.get(fingerprint)
        why = "there was no link to the peer yet" if loss is None else f"the link ended: {loss}"
        if self.peer_of(fingerprint) is None:
            return Absence(f"{why}; {REMOVED}", PeerRemovedError)
        if self._dialling.calls(fingerprint):
            failure = self._dialling.failure(fingerprint)
            in_vain = f", in vain: {failure}" if failure else ""
            return Absence(f"{why}; the peer is dialled{in_vain}", PeerDownError)
        return Absence(f"{why}; the peer has to dial", PeerDownError)

    def removed(self, fingerprints: Iterable[bytes]) -> set[bytes]:
        """Those that are known no more, and have no link; they are dialled no more, either.

        An address that a caller named is: another node may answer there.
        """
        known = self._peers()
        gone = {each for each in fingerprints if known.owner_of(each) is None}
        gone -= {self.fingerprint, *(link.fingerprint for link in self)}
        for fingerprint in gone:
            self._dialling.forget(fingerprint)
        return gone

    def release(self, fingerprint: bytes) -> None:
        """Nobody here needs the link: stop dialling, and end it unless the peer uses it."""
        self._dialling.release(fingerprint)
        link = self.link(fingerprint)
        if link is not None and not link.session.channels:
            link.stop(UNUSED)

    # The dialling's side.

    def when_down(self, fingerprint: bytes) -> Deferred[None]:
        """Fires when there is no link to a peer, at once where there is none."""
        return self._table.when_down(fingerprint)

    async def connect(self, address: Address, fingerprint: bytes | None) -> LinkProtocol:
        """A connection to a known peer at this address, to none but the one that is given."""
        return await self.connections.connect(address, fingerprint)

    # The links' side.

    def new_session(self, security: LinkSecurity, exporter: bytearray) -> LinkSession:
        """A session for a connection with this peer."""
        fingerprint = security.fingerprint
        return LinkSession(
            self._node,
            peer_fingerprint=fingerprint,
            exporter=exporter,
            known_incarnation=self._table.incarnations.get(fingerprint),
            judge=lambda name: self._owner.judge(fingerprint, name),
            now=self._reactor.seconds(),
        )

    def happened(self, link: LinkProtocol, event: LinkEvent) -> None:
        """An event of any connection; only the channels of the one link to a peer matter."""
        match event:
            case LinkUp():
                self._table.came_up(link, event)
            case LinkDown():
                self._table.went_down(link, event)
            case PeerIncarnationChanged():
                # That is since the session began, and another connection may have told it since:
                # the table compares with what is known by then.
                pass
            case EpochBegun():
                self._log.debug(
                    "epoch {epoch} with {peer}",
                    epoch=event.epoch,
                    peer=self.name_of(link.fingerprint),
                )
            case _:
                self._owner.happened(link, event)

    def lost(self, link: LinkProtocol) -> None:
        """A connection is gone."""
        self.connections.lost(link)

    def _tick(self) -> None:
        """Let the sessions look at the clock, and end links that are trusted no more."""
        known = self._peers()
        for connection in [each for each in self.connections if each.fingerprint]:
            self._trust(connection, known)
            try:
                connection.tick()
            except Exception:
                # What is wrong with one link must not stop the clock of all.
                self._log.failure("a link's clock failed")
        self._table.tell_departures()

    def _trust(self, connection: LinkProtocol, known: KnownPeers) -> None:
        """End a connection that would not be let in any more."""
        peer = known.owner_of(connection.fingerprint)
        if peer is None:
            connection.stop(UNPAIRED)
        elif connection.group != HYBRID_GROUP and not peer.allow_classical:
            connection.stop(CLASSICAL)


def _make_bank(parameters: ExchangeParameters, fill: Fill) -> Bank:
    return new_bank(
        parameters.machine, machines=parameters.machines, package=parameters.package, fill=fill
    )
