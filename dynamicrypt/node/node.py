"""The node: registered services, their channels, and what every interface may ask of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from twisted.application.service import Service as TwistedService

from dynamicrypt.errors import (
    LocalError,
    NoKeyYetError,
    ParameterError,
    UnknownChannelError,
    UnknownServiceError,
    UnsupportedModeError,
)
from dynamicrypt.keys.thesis_store import FAST, SECURE
from dynamicrypt.node import exchange, thesis
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.events import EventLog
from dynamicrypt.node.links import Links
from dynamicrypt.node.persistence import Persistence
from dynamicrypt.node.reactor import Reactor
from dynamicrypt.node.registry import ServicesFile
from dynamicrypt.node.service import Channel, Registration, SealedMessage, Services, check_name
from dynamicrypt.node.status import NodeStatus, PeerStatus
from dynamicrypt.node.thesis import ThesisWire
from dynamicrypt.node.wires import Wires
from dynamicrypt.params import Profile
from dynamicrypt.peer import fingerprint
from dynamicrypt.peer.errors import MistypedError, StorageError
from dynamicrypt.peer.handshake import SecuredListener
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.peers import KnownPeers
from dynamicrypt.peer.thesis import ThesisListener


class Node(TwistedService):
    """All services of this daemon.

    `owner` is the caller's token: a service belongs to who registered it, and to anybody else it
    does not exist. `advertised` and `default_wire` are for `node.wires.Wires`. `saved` keeps the
    services of REST v2, which outlive the process; StateFileError is raised where they cannot be
    restored as they were.
    """

    def __init__(
        self,
        reactor: Reactor,
        *,
        identity: Identity,
        peers: Callable[[], KnownPeers],
        name: str,
        profile: Profile,
        advertised: Mapping[int, tuple[str, int]],
        default_wire: int = exchange.WIRE,
        saved: ServicesFile | None = None,
    ) -> None:
        self.name: Final = name
        self.profile: Final = profile
        self.events: Final = EventLog()
        self._peers = peers
        self._reactor = reactor
        self._services = Services()
        self._thesis = ThesisWire(reactor, self._services)
        self._exchange = exchange.Exchange(
            reactor,
            self._services,
            identity=identity,
            peers=peers,
            name=name,
            profile=profile,
            events=self.events,
        )
        self._wires = Wires(
            reactor,
            {thesis.WIRE: self._thesis, exchange.WIRE: self._exchange},
            advertised=advertised,
            default=default_wire,
        )
        self._persistence = Persistence(saved, self._services, self._exchange)
        self._persistence.restore()

    def register(self, name: str, *, owner: str, wire: int | None = None) -> Registration:
        """Register a service; a name that is taken or empty gets digits appended.

        As in the 2019 program a name ends before its first NUL. Raises ParameterError for one
        that is too long or a wire that has no port here, and TooManyServicesError.
        """
        wire = self._wires.number(wire)
        address, port = self._wires.place(wire)
        service = self._services.register(name, owner=owner, wire=wire)
        return Registration(name=service.name, address=address, port=port)

    def configure(self, name: str, partner: str, *, owner: str) -> None:
        """Name the partner of a service; keys shared with another partner are erased."""
        self._services.owned(name, owner).choose_partner(partner)

    async def synchronise(
        self,
        name: str,
        partner: str,
        address: str,
        port: int,
        *,
        owner: str,
        wire: int | None = None,
    ) -> None:
        """Dial the partner's node; returns once it has accepted, and keeps the channel alive.

        Raises SynchronisationError where it is known to have failed, within
        `node.wires.SYNC_TIMEOUT`.
        """
        service = self._services.owned(name, owner)
        if not 0 < port < 65536:
            self._wires.fail(service, address, port, "a port is a number from 1 to 65535")
        if wire is not None:
            service.choose_wire(self._wires.number(wire))
        service.choose_partner(partner)
        await self._wires.synchronise(service, address, port)

    def is_synchronising(self, name: str, *, owner: str) -> bool:
        """Whether the machines of the service synchronise now; False for an unknown one."""
        try:
            channel = self._services.owned(name, owner).channel
        except UnknownServiceError:
            return False
        return channel is not None and channel.live

    def encrypt(self, name: str, message: str, mode: int, *, owner: str) -> SealedMessage:
        """Encrypt for the partner; raises NoKeyYetError while no key is ready."""
        return self._ready_channel(name, owner, mode).encrypt(message, mode)

    def decrypt(self, name: str, message: str, hash_: str, mode: int, *, owner: str) -> str:
        """The plaintext that the partner encrypted; raises BadCiphertextError, NoKeyYetError."""
        return self._ready_channel(name, owner, mode).decrypt(message, hash_, mode)

    def remove(self, name: str, *, owner: str) -> None:
        """Forget a service: its keys are erased, and its partner sees the connection end.

        Raises UnknownServiceError, and StorageError where one that outlives the process could not
        be forgotten for good: then it is left as it is.
        """
        service = self._services.owned(name, owner)
        self._persistence.save_without(service)
        self._services.remove(service)

    # REST v2.

    @property
    def incarnation(self) -> bytes:
        """The mark of this process."""
        return self._exchange.links.incarnation

    def create_service(self, name: str, *, owner: str) -> None:
        """Register a service of exactly this name, for good.

        Raises ParameterError, NameTakenError, TooManyServicesError and StorageError.
        """
        service = self._services.create(name, owner=owner, wire=exchange.WIRE)
        service.persistent = True
        try:
            self._persistence.save()
        except StorageError:
            self._services.remove(service)
            raise

    def service_names(self, *, owner: str) -> list[str]:
        """The names of the owner's services."""
        return [service.name for service in self._services.of(owner)]

    def owners(self) -> dict[str, str]:
        """Whose each service of the node is, by its name, on both wires."""
        return {service.name: service.owner for service in self._services}

    def open_channel(self, name: str, partner: str, *, peer: str, owner: str) -> LinkChannel:
        """The channel with a partner at a known peer, named or given by its fingerprint.

        It is kept open from now on; returns at once. Raises UnknownServiceError, NoSuchPeerError,
        ParameterError and StorageError.
        """
        service = self._services.owned(name, owner)
        if not partner or check_name(partner) != partner:
            raise ParameterError("a partner's name is 1 to 255 bytes without NUL")
        if service.wire != exchange.WIRE:
            raise ParameterError("the service uses wire 1")
        mark = self._peer(peer)
        self._persistence.save_with_channel(service, partner, mark)
        try:
            return self._exchange.open(service, partner, mark)
        except LocalError:
            self._persistence.save()
            raise

    def channel(self, name: str, partner: str, *, owner: str) -> LinkChannel:
        """The channel with a partner; raises UnknownServiceError and UnknownChannelError."""
        channel = self._services.owned(name, owner).channels.get(partner)
        if not isinstance(channel, LinkChannel):
            raise UnknownChannelError("the service has no channel with this partner")
        return channel

    def channels(self, name: str, *, owner: str) -> list[LinkChannel]:
        """The channels of a service; raises UnknownServiceError."""
        channels = self._services.owned(name, owner).channels.values()
        return [channel for channel in channels if isinstance(channel, LinkChannel)]

    def close_channel(self, name: str, partner: str, *, owner: str) -> None:
        """End a channel and erase its keys.

        Raises UnknownServiceError, UnknownChannelError and StorageError.
        """
        self.channel(name, partner, owner=owner)
        service = self._services.owned(name, owner)
        self._persistence.save_without_channel(service, partner)
        service.part(partner)

    def status(self) -> NodeStatus:
        """The node and its peers now."""
        links = {link.fingerprint: link for link in self._exchange.links}
        return NodeStatus(
            name=self.name,
            fingerprint=self._exchange.links.fingerprint,
            profile=self.profile.name,
            peers=tuple(PeerStatus.of(peer, links.get(peer.fingerprint)) for peer in self._peers()),
        )

    # Metrics.

    @property
    def links(self) -> Links:
        """The links, with their counters."""
        return self._exchange.links

    def all_channels(self) -> list[LinkChannel]:
        """Every channel of wire 2, whoever owns it."""
        return [
            channel
            for service in self._services
            for channel in service.channels.values()
            if isinstance(channel, LinkChannel)
        ]

    def seconds(self) -> float:
        """The clock on which keys age."""
        return self._reactor.seconds()

    # The daemon.

    def thesis_listener(self) -> ThesisListener:
        """The factory for the port of wire 1."""
        return self._thesis.listener()

    def link_listener(self) -> SecuredListener:
        """The factory for the port of wire 2."""
        return self._exchange.links.connections.listener()

    def startService(self) -> None:
        """Let the clocks run, and open what was saved."""
        super().startService()
        self._exchange.start()

    def stopService(self) -> None:
        """End every connection and erase every key."""
        super().stopService()
        self._exchange.stop()
        for service in self._services:
            service.part_all()

    def _peer(self, text: str) -> bytes:
        """The fingerprint of a peer by its name or fingerprint; this node is its own peer, too."""
        known = self._peers()
        with suppress(MistypedError):
            mark = fingerprint.read(text)
            if mark == self._exchange.links.fingerprint or known.owner_of(mark) is not None:
                return mark
        return known.named(text).fingerprint

    def _ready_channel(self, name: str, owner: str, mode: int) -> Channel:
        channel = self._services.owned(name, owner).channel
        if channel is None:
            if mode not in {FAST, SECURE}:
                raise UnsupportedModeError("no key will ever be ready for this mode")
            raise NoKeyYetError("the service has not synchronised yet")
        return channel
