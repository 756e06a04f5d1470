"""Wire 1 in the node: who may join which channel, dialling, and the channels themselves."""

from __future__ import annotations

import os
import secrets
from typing import Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dynamicrypt.errors import SynchronisationError
from dynamicrypt.keys.thesis_store import ThesisKeyStore
from dynamicrypt.node.reactor import Reactor
from dynamicrypt.node.service import SealedMessage, Service, Services
from dynamicrypt.params import THESIS
from dynamicrypt.peer.dialler import Dialler
from dynamicrypt.peer.thesis import ThesisListener, ThesisProtocol, dial
from dynamicrypt.peer.waiters import Waiters
from dynamicrypt.session.thesis import ThesisSession
from dynamicrypt.session.thesis_events import Dialled, Event, KeyBorn, KeyConfirmed, RunDiscarded
from dynamicrypt.tpm.inputs import PublicStream
from dynamicrypt.tpm.machine import new_machine

#: The number of this wire in interfaces.
WIRE: Final = 1
#: Keys outlive a cut this long (s), so that what is under way can still be read.
KEY_LIFETIME: Final = 3600.0
#: When both partners dial at once one dial is turned away; the other arrives within this time (s).
SIMULTANEOUS_GRACE: Final = 0.5


class ThesisChannel:
    """The keys of a (service, partner) pair over wire 1, with the connection that makes them.

    The keys stay when the connection goes, for KEY_LIFETIME.
    """

    _log = Logger()

    def __init__(self, *, service: str, partner: str, clock: IReactorTime) -> None:
        self.partner: Final = partner
        self.store: Final = ThesisKeyStore()
        self.runs_discarded = 0
        #: Keeps the connection alive, where this side dials.
        self.dialler: Dialler | None = None
        #: Id of our machine in a dial under way or accepted; 0 between dials.
        self.dial_id = 0
        self._name = f"{service}/{partner}"
        self._clock = clock
        self._connection: ThesisProtocol | None = None
        self._born_at = 0.0
        self._expiry: IDelayedCall | None = None
        self._waiters = Waiters()

    @property
    def live(self) -> bool:
        """Whether machines synchronise now."""
        return self._connection is not None

    def when_live(self) -> Deferred[None]:
        """Fires at the next `connected`, at once where the channel is live."""
        return succeed(None) if self.live else self._waiters.wait()

    def encrypt(self, text: str, mode: int) -> SealedMessage:
        """Encrypt with the cipher of the thesis."""
        message, digest, key = self.store.encrypt(text.encode(), mode)
        return SealedMessage(message=message, hash=digest, key=f"{key.connection}.{key.number}")

    def decrypt(self, message: str, hash_: str, mode: int) -> str:
        """Decrypt with whichever stored key fits."""
        return self.store.decrypt(message, hash_, mode).decode(errors="replace")

    def connected(self, connection: ThesisProtocol) -> None:
        """Machines synchronise from now on; keys are numbered anew."""
        self._connection = connection
        self._born_at = self._clock.seconds()
        self._cancel_expiry()
        self.store.new_connection(dialler=connection.dialler)
        self._log.info("channel up channel={channel} wire=1", channel=self._name)
        self._waiters.release()

    def happened(self, event: Event) -> None:
        """Keep the keys that are born."""
        match event:
            case KeyBorn():
                self._keep(event)
            case KeyConfirmed():
                self.store.confirm(event.number)
            case RunDiscarded():
                self.runs_discarded += 1
                self._log.info("run discarded channel={channel}", channel=self._name)

    def disconnected(self, connection: ThesisProtocol) -> None:
        """The connection is gone; the keys stay for a while."""
        if connection is self._connection:
            self._connection = None
            self._expiry = self._clock.callLater(KEY_LIFETIME, self.store.erase)
            self._log.info("channel down channel={channel}", channel=self._name)

    def not_reached(self, error: Exception) -> None:
        """The partner was dialled in vain; after the first time the caller is told, not the log."""
        if self.dialler is None or not self.dialler.tried:
            return
        self._log.info(
            "partner not reached channel={channel}: {error}", channel=self._name, error=error
        )

    def stop_dialling(self) -> None:
        """Leave it to the partner to connect."""
        dialler, self.dialler, self.dial_id = self.dialler, None, 0
        if dialler is not None:
            dialler.stop()

    def close(self) -> None:
        """End the connection and erase the keys."""
        self.stop_dialling()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()
            self._log.info("channel closed channel={channel}", channel=self._name)
        self._cancel_expiry()
        self.store.erase()

    def _keep(self, born: KeyBorn) -> None:
        now = self._clock.seconds()
        try:
            self.store.hold(born.number, born.key)
        finally:
            born.key[:] = bytes(len(born.key))
        if born.confirmed:
            self.store.confirm(born.number)
        self._log.info(
            "key born channel={channel} number={number} iterations={iterations}"
            " milliseconds={milliseconds:.1f}",
            channel=self._name,
            number=born.number,
            iterations=born.iterations,
            milliseconds=(now - self._born_at) * 1000,
        )
        self._born_at = now

    def _cancel_expiry(self) -> None:
        if self._expiry is not None and self._expiry.active():
            self._expiry.cancel()
        self._expiry = None


class ThesisWire:
    """Dials and admits partners over wire 1 for the services that are configured for it."""

    def __init__(self, reactor: Reactor, services: Services) -> None:
        self._reactor = reactor
        self._services = services
        self._inputs = PublicStream(os.urandom)

    def listener(self) -> ThesisListener:
        """The factory for the port of wire 1."""
        return ThesisListener(
            admit=self._admit,
            new_session=lambda: self._session(_new_id()),
            clock=self._reactor,
        )

    async def synchronise(self, service: Service, address: str, port: int) -> None:
        """Dial the partner and keep the channel alive; returns once the partner has accepted.

        Raises SynchronisationError, and stops dialling, where it is known to have failed.
        """
        channel = self._channel(service)
        if channel.live:
            return
        if not channel.partner or any(mark in service.name + channel.partner for mark in "\t\n"):
            raise SynchronisationError("wire 1 cannot carry such a service name")
        channel.stop_dialling()
        try:
            endpoint = HostnameEndpoint(self._reactor, address, port)
        except ValueError as error:
            raise SynchronisationError(f"no address: {error}") from None
        dialler = dial(
            endpoint,
            lambda: self._protocol(service.name, channel),
            channel.not_reached,
            self._reactor,
        )
        channel.dialler = dialler
        dialler.start()
        try:
            await self._first_connection(channel, dialler)
        except BaseException:
            if channel.dialler is dialler:
                channel.stop_dialling()
            raise

    async def _first_connection(self, channel: ThesisChannel, dialler: Dialler) -> None:
        """Returns once the channel is live; raises what the first attempt raised.

        Where both partners dial at once one of them is turned away, or stops dialling, because
        the other's dial arrives.
        """
        try:
            await dialler.when_tried()
        except Exception as error:
            if channel.dialler is dialler and not isinstance(error, SynchronisationError):
                raise
            live = channel.when_live()
            live.addTimeout(SIMULTANEOUS_GRACE, self._reactor)
            await live

    def _admit(self, dialled: Dialled) -> ThesisChannel | None:
        """Only the configured partner of a service that has no live channel may join it.

        Where both partners dial at once, the dial of the smaller (name, id) wins on both sides.
        """
        service = self._services.find(dialled.partner)
        if service is None or service.wire != WIRE or service.partner != dialled.service:
            return None
        channel = self._channel(service)
        ours, theirs = (service.name, channel.dial_id), (dialled.service, dialled.sender)
        if channel.live or (channel.dial_id and ours <= theirs):
            return None
        channel.stop_dialling()
        return channel

    def _channel(self, service: Service) -> ThesisChannel:
        partner = service.partner or ""
        channel = service.channels.get(partner)
        if not isinstance(channel, ThesisChannel):
            service.part(partner)
            channel = ThesisChannel(service=service.name, partner=partner, clock=self._reactor)
            service.channels[partner] = channel
        return channel

    def _protocol(self, name: str, channel: ThesisChannel) -> ThesisProtocol:
        dial_id = channel.dial_id = _new_id()

        def closed(_: ThesisProtocol) -> None:
            if channel.dial_id == dial_id:
                channel.dial_id = 0

        return ThesisProtocol(
            session=self._session(dial_id),
            clock=self._reactor,
            channel=channel,
            greeting=(name, channel.partner),
            on_close=closed,
        )

    def _session(self, own_id: int) -> ThesisSession:
        return ThesisSession(
            machine=new_machine(THESIS), parameters=THESIS, inputs=self._inputs, own_id=own_id
        )


def _new_id() -> int:
    return secrets.randbelow(2**31 - 1) + 1
