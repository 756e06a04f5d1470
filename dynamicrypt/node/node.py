"""The node: registered services, their channels, and what every interface may ask of them."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import Final

from twisted.application.service import Service as TwistedService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IReactorPluggableNameResolver, IReactorTime
from twisted.logger import Logger

from dynamicrypt.errors import (
    NoKeyYetError,
    ParameterError,
    SynchronisationError,
    TooManyServicesError,
    UnknownServiceError,
)
from dynamicrypt.node.thesis import ThesisChannel
from dynamicrypt.params import THESIS
from dynamicrypt.peer.dialler import Dialler
from dynamicrypt.peer.thesis import ThesisListener, ThesisProtocol, dial
from dynamicrypt.session.thesis import Dialled, ThesisSession
from dynamicrypt.tpm.inputs import PublicStream
from dynamicrypt.tpm.machine import new_machine
from dynamicrypt.wire.thesis import MAX_NAME

#: Registered services of one node; each may hold a connection and a store of keys.
MAX_SERVICES: Final = 1024
#: A caller of `synchronise` has an answer within this time (s).
SYNC_TIMEOUT: Final = 5.0
#: When both partners dial at once one dial is turned away; the other arrives within this time (s).
SIMULTANEOUS_GRACE: Final = 0.5


class Reactor(IReactorTime, IReactorPluggableNameResolver):
    """What the node needs of a reactor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A service's name as registered, and where its partners reach this node."""

    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedMessage:
    """A ciphertext and the hash that travels beside it, both text, and the key's number."""

    message: str
    hash: str
    key: str


@dataclass(slots=True, kw_only=True)
class _Service:
    name: str
    owner: str
    partner: str | None = None
    channel: ThesisChannel | None = None
    dialler: Dialler | None = None
    #: Id of our machine in a dial under way or accepted; 0 between dials.
    dial_id: int = 0


class Node(TwistedService):
    """All services of this daemon.

    `owner` is the caller's token: a service belongs to who registered it, and to anybody else it
    does not exist. `address` and `port` are what partners are told. Running and stopping it as a
    Twisted service opens nothing by itself; `thesis_listener` gives the factory for a port.
    """

    _log = Logger()

    def __init__(self, reactor: Reactor, *, address: str, port: int) -> None:
        self._reactor = reactor
        self._address = address
        self._port = port
        self._services: dict[str, _Service] = {}
        self._inputs = PublicStream(os.urandom)

    def register(self, name: str, *, owner: str, wire: int | None = None) -> Registration:
        """Register a service; a name that is taken or empty gets digits appended.

        As in the 2019 program a name ends before its first NUL. Raises ParameterError for one
        that is longer than MAX_NAME bytes and TooManyServicesError.
        """
        _check_wire(wire)
        if len(self._services) >= MAX_SERVICES:
            raise TooManyServicesError(f"{MAX_SERVICES} services are registered")
        wanted = _name(name.partition("\0")[0], MAX_NAME - 6)
        free = wanted
        while not free or free in self._services:
            free = f"{wanted}{secrets.randbelow(900_000) + 100_000}"
        self._services[free] = _Service(name=free, owner=owner)
        return Registration(name=free, address=self._address, port=self._port)

    def configure(self, name: str, partner: str, *, owner: str) -> None:
        """Name the partner of a service; keys shared with another partner are erased."""
        service = self._service(name, owner)
        partner = _name(partner.partition("\0")[0], MAX_NAME)
        if service.partner != partner:
            self._part(service)
            service.partner = partner

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

        Raises SynchronisationError where it is known to have failed, within SYNC_TIMEOUT.
        """
        _check_wire(wire)
        service = self._service(name, owner)
        if not 0 < port < 65536:
            raise SynchronisationError("a port is a number from 1 to 65535")
        self.configure(name, partner, owner=owner)
        if service.channel is not None and service.channel.live:
            return
        if not service.partner or any(mark in name + service.partner for mark in "\t\n"):
            raise SynchronisationError("wire 1 cannot carry such a service name")
        channel = self._channel(service)
        self._stop_dialling(service)
        try:
            endpoint = HostnameEndpoint(self._reactor, address, port)
        except ValueError as error:
            raise SynchronisationError(f"no address: {error}") from None
        dialler = dial(endpoint, lambda: self._dial(service, channel), self._reactor)
        service.dialler = dialler
        dialler.start()
        first = Deferred.fromCoroutine(self._first_connection(service, channel))
        first.addTimeout(SYNC_TIMEOUT, self._reactor)
        try:
            await first
        except Exception as error:
            if service.dialler is dialler:
                self._stop_dialling(service)
            reason = str(error) or type(error).__name__
            raise SynchronisationError(reason) from None

    def is_synchronising(self, name: str, *, owner: str) -> bool:
        """Whether the machines of the service synchronise now; False for an unknown one."""
        try:
            channel = self._service(name, owner).channel
        except UnknownServiceError:
            return False
        return channel is not None and channel.live

    def encrypt(self, name: str, message: str, mode: int, *, owner: str) -> SealedMessage:
        """Encrypt for the partner; raises NoKeyYetError while no key is ready."""
        store = self._ready_channel(name, owner).store
        text, digest, key = store.encrypt(message.encode(), mode)
        return SealedMessage(message=text, hash=digest, key=f"{key.connection}.{key.number}")

    def decrypt(self, name: str, message: str, hash_: str, mode: int, *, owner: str) -> str:
        """The plaintext that the partner encrypted; raises BadCiphertextError, NoKeyYetError."""
        store = self._ready_channel(name, owner).store
        return store.decrypt(message, hash_, mode).decode(errors="replace")

    def remove(self, name: str, *, owner: str) -> None:
        """Forget a service: its keys are erased, and its partner sees the connection end."""
        service = self._service(name, owner)
        self._part(service)
        del self._services[name]

    def thesis_listener(self) -> ThesisListener:
        """The factory for the port of wire 1."""
        return ThesisListener(
            admit=self._admit,
            new_session=lambda: self._session(_new_id()),
            clock=self._reactor,
        )

    def stopService(self) -> None:
        """End every connection and erase every key."""
        super().stopService()
        for service in self._services.values():
            self._part(service)

    def _service(self, name: str, owner: str) -> _Service:
        service = self._services.get(name)
        if service is None or service.owner != owner:
            raise UnknownServiceError("no such service is registered by this caller")
        return service

    def _ready_channel(self, name: str, owner: str) -> ThesisChannel:
        channel = self._service(name, owner).channel
        if channel is None:
            raise NoKeyYetError("the service has not synchronised yet")
        return channel

    def _channel(self, service: _Service) -> ThesisChannel:
        assert service.partner is not None
        if service.channel is None:
            service.channel = ThesisChannel(
                service=service.name, partner=service.partner, clock=self._reactor
            )
        return service.channel

    def _session(self, own_id: int) -> ThesisSession:
        return ThesisSession(
            machine=new_machine(THESIS), parameters=THESIS, inputs=self._inputs, own_id=own_id
        )

    def _dial(self, service: _Service, channel: ThesisChannel) -> ThesisProtocol:
        dial_id = service.dial_id = _new_id()

        def closed(_: ThesisProtocol) -> None:
            if service.dial_id == dial_id:
                service.dial_id = 0

        return ThesisProtocol(
            session=self._session(dial_id),
            clock=self._reactor,
            channel=channel,
            greeting=(service.name, channel.partner),
            on_close=closed,
        )

    async def _first_connection(self, service: _Service, channel: ThesisChannel) -> None:
        """Returns once the channel is live; raises what the first attempt raised.

        Where both partners dial at once one of them is turned away, or stops dialling, because
        the other's dial arrives.
        """
        dialler = service.dialler
        assert dialler is not None
        try:
            await dialler.first
        except Exception as error:
            if service.dialler is dialler and not isinstance(error, SynchronisationError):
                raise
            live = channel.when_live()
            live.addTimeout(SIMULTANEOUS_GRACE, self._reactor)
            await live

    def _admit(self, dialled: Dialled) -> ThesisChannel | None:
        """Only the configured partner of a service that has no live channel may join it.

        Where both partners dial at once, the dial of the smaller (name, id) wins on both sides.
        """
        service = self._services.get(dialled.partner)
        if service is None or service.partner != dialled.service:
            return None
        channel = self._channel(service)
        if channel.live:
            return None
        if service.dialler is not None:
            if service.dial_id and (service.name, service.dial_id) <= (
                dialled.service,
                dialled.sender,
            ):
                return None
            self._stop_dialling(service)
        return channel

    def _part(self, service: _Service) -> None:
        self._stop_dialling(service)
        if service.channel is not None:
            service.channel.close()
            service.channel = None

    def _stop_dialling(self, service: _Service) -> None:
        dialler, service.dialler, service.dial_id = service.dialler, None, 0
        if dialler is not None:
            dialler.stop()


def _new_id() -> int:
    return secrets.randbelow(2**31 - 1) + 1


def _name(name: str, most: int) -> str:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise ParameterError("a service name with half a surrogate pair") from None
    if size > most:
        raise ParameterError(f"a service name of {size} bytes; {most} are allowed")
    return name


def _check_wire(wire: int | None) -> None:
    if wire not in (None, 1):
        raise ParameterError("this node speaks wire 1")
