"""Wire 2 in the node: channels over links, the keys they make, and who may open them."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from dynamicrypt.errors import BadCiphertextError, SynchronisationError
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.envelope import channel_binding, parse
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.node.links import Links
from dynamicrypt.node.service import SealedMessage, Service, Services
from dynamicrypt.node.thesis import Reactor
from dynamicrypt.params import Profile
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.link import LinkProtocol
from dynamicrypt.peer.peers import Address, KnownPeers
from dynamicrypt.session.link import Admission, LinkTimes, Refusal
from dynamicrypt.session.link_events import (
    ChannelDown,
    ChannelEvent,
    ChannelName,
    ChannelRefused,
    ChannelUp,
    KeyConfirmed,
    KeyMade,
    KeyUnmatched,
)
from dynamicrypt.session.link_ledger import Ledger

#: The number of this wire in interfaces.
WIRE: Final = 2
#: How often (s) stores forget what is old, and channels that were refused are tried again.
TICK: Final = 1.0
#: Pause (s) before a refused channel is opened again: the partner may not have registered yet.
RETRY: Final = 2.0
#: A channel logs what it made at most this often (s).
LOG_PERIOD: Final = 10.0
#: Why a service's own channel ends, as its partner is told.
LEFT: Final = "left"


class LinkChannel:
    """The keys that a service here shares with its partner at one peer.

    While `wanted`, this side opens it whenever there is a link. Keys stay when the link goes.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        name: ChannelName,
        own: bytes,
        peer: bytes,
        profile: Profile,
        limits: StoreLimits,
        link: Callable[[], LinkProtocol | None],
        seconds: Callable[[], float],
        closed: Callable[[LinkChannel], object],
    ) -> None:
        self.name: Final = name
        self.peer: Final = peer
        self.profile: Final = profile
        self.ledger: Final = Ledger()
        self.wanted = False
        role = int(own > peer)
        ends = ((own, name.service), (peer, name.partner))
        binding = channel_binding(ends if role == 0 else (ends[1], ends[0]))
        self.cipher: Final = ChannelCipher(role, binding, KeyStore(limits))
        self.keys_made = 0
        self.keys_confirmed = 0
        self.keys_unmatched = 0
        self._seconds = seconds
        self._closed = closed
        self._link = link
        self._up = False
        self._resting = False
        self._up_since = 0.0
        self._retry_at = 0.0
        self._logged_at = float("-inf")
        self._waiting: list[Deferred[None]] = []

    @property
    def partner(self) -> str:
        """Name of the service at the other end."""
        return self.name.partner

    @property
    def live(self) -> bool:
        """Whether machines synchronise now, or rest because there are keys enough."""
        return self._up

    @property
    def store(self) -> KeyStore:
        """The keys."""
        return self.cipher.store

    def when_live(self) -> Deferred[None]:
        """Fires when the channel is up; fails with SynchronisationError when it is refused."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        if self.live:
            waiting.callback(None)
        else:
            self._waiting.append(waiting)
        return waiting

    def encrypt(self, text: str, mode: int) -> SealedMessage:
        """Seal for the partner; the message is the envelope in base64."""
        envelope, digest = self.cipher.seal_hashed(text.encode(), mode, self._seconds())
        self._used()
        key = str(uuid.UUID(bytes=parse(envelope).key_id))
        return SealedMessage(
            message=base64.b64encode(envelope).decode("ascii"), hash=digest, key=key
        )

    def decrypt(self, message: str, hash_: str, mode: int) -> str:
        """Open what the partner sealed."""
        try:
            envelope = base64.b64decode("".join(message.split()), validate=True)
        except (binascii.Error, ValueError):
            raise BadCiphertextError("the message is not base64") from None
        plaintext = self.cipher.open_hashed(envelope, hash_, mode, self._seconds())
        return plaintext.decode(errors="replace")

    def open(self) -> None:
        """Ask the partner for the channel, if there is a link."""
        link = self._link()
        if link is not None:
            link.open(self.name, self.profile.exchange, self.ledger)

    def happened(self, link: LinkProtocol, event: ChannelEvent) -> None:
        """Keep the keys, and keep track of the channel."""
        match event:
            case KeyMade():
                self._keep(event)
            case KeyConfirmed():
                self._confirm(event)
            case KeyUnmatched():
                self.keys_unmatched += 1
                self.store.discard(event.id)
            case ChannelUp():
                self._come_up(link)
            case ChannelRefused():
                self._refused(event)
            case ChannelDown():
                self._go_down(event)
            case _:
                pass

    def partner_restarted(self) -> None:
        """The partner's keys are gone with its process, and so is the use of ours."""
        self.store.erase()
        self.ledger.clear()

    def tick(self) -> None:
        """Forget what is old; try again to open a channel that was refused."""
        now = self._seconds()
        self.store.expire(now)
        self._used()
        if self.wanted and not self._up and now >= self._retry_at:
            self._retry_at = now + RETRY
            self.open()

    def close(self) -> None:
        """End the channel, here and at the partner, and erase the keys."""
        self.wanted = False
        link = self._link()
        if link is not None:
            link.close_channel(self.name, LEFT)
        self._fail_waiting("the channel was closed")
        self.store.erase()
        self._closed(self)

    def _keep(self, made: KeyMade) -> None:
        self.keys_made += 1
        self.store.add(made.id, made.key, owner=made.owner, now=self._seconds())
        made.key[:] = bytes(len(made.key))
        self._rest_when_full()

    def _confirm(self, event: KeyConfirmed) -> None:
        self.keys_confirmed += 1
        self.store.confirm(event.id)
        if self.keys_confirmed == 1:
            self._log.info(
                "first key channel={service}/{partner} milliseconds={milliseconds:.1f}",
                service=self.name.service,
                partner=self.name.partner,
                milliseconds=(self._seconds() - self._up_since) * 1000,
            )

    def _rest_when_full(self) -> None:
        link = self._link()
        if link is not None and not self._resting and self.store.should_pause:
            self._resting = True
            link.pause(self.name)
            self._report(link)

    def _used(self) -> None:
        link = self._link()
        if link is not None and self._resting and self.store.should_resume:
            self._resting = False
            link.resume(self.name)

    def _come_up(self, link: LinkProtocol) -> None:
        self._up = True
        self._resting = False
        self._up_since = self._seconds()
        self._log.info(
            "channel up channel={service}/{partner} wire=2 profile={profile} group={group}",
            service=self.name.service,
            partner=self.name.partner,
            profile=self.profile.name,
            group=link.group,
        )
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)
        self._rest_when_full()

    def _refused(self, event: ChannelRefused) -> None:
        if event.reason == "crossed":
            return
        self._retry_at = self._seconds() + RETRY
        self._fail_waiting(f"the partner refused: {event.reason} {event.detail}".rstrip())

    def _go_down(self, event: ChannelDown) -> None:
        self._up = False
        if event.by_partner:
            # The partner erased the keys that we would send under.
            self.store.own.erase()
            self._retry_at = self._seconds() + RETRY
        self._log.info(
            "channel down channel={service}/{partner}: {reason}",
            service=self.name.service,
            partner=self.name.partner,
            reason=event.reason,
        )
        self._fail_waiting(event.reason)

    def _fail_waiting(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.errback(SynchronisationError(reason))

    def _report(self, link: LinkProtocol) -> None:
        now = self._seconds()
        if now - self._logged_at < LOG_PERIOD:
            return
        statistics = link.session.channel(self.name).statistics
        self._log.info(
            "enough keys channel={service}/{partner} rounds={rounds} passes={passes}"
            " restarts={restarts} keys={keys}",
            service=self.name.service,
            partner=self.name.partner,
            rounds=statistics.rounds,
            passes=statistics.passes,
            restarts=statistics.restarts,
            keys=statistics.keys,
        )
        self._logged_at = now


class Exchange:
    """All channels of wire 2, on the links of this node."""

    _log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        services: Services,
        *,
        identity: Identity,
        peers: Callable[[], KnownPeers],
        name: str,
        profile: Profile,
        limits: StoreLimits | None = None,
    ) -> None:
        times = LinkTimes(epoch=profile.epoch_seconds, epoch_keys=profile.epoch_keys)
        self.links: Final = Links(
            reactor, identity=identity, peers=peers, name=name, times=times, owner=self
        )
        self._services = services
        self._seconds = reactor.seconds
        self._profile = profile
        self._limits = limits or StoreLimits()
        self._channels: dict[tuple[bytes, ChannelName], LinkChannel] = {}
        self._ticker = LoopingCall(self._tick)
        self._ticker.clock = reactor

    def start(self) -> None:
        """Let the clock run."""
        self.links.start()
        self._ticker.start(TICK, now=False).addErrback(
            lambda failure: self._log.failure("the channels' clock stopped", failure)
        )

    def stop(self) -> None:
        """End every link."""
        if self._ticker.running:
            self._ticker.stop()
        self.links.stop()

    async def synchronise(self, service: Service, address: str, port: int) -> None:
        """Reach the partner's node and open the channel; it is kept open from now on.

        Raises what kept it from that, and gives up then.
        """
        link = await self.links.reach(Address(address, port))
        channel = service.channel
        if not isinstance(channel, LinkChannel) or channel.peer != link.fingerprint:
            channel = self._new_channel(service, link.fingerprint)
        if channel.live:
            return
        channel.wanted = True
        up = channel.when_live()
        channel.open()
        try:
            await up
        except BaseException:
            channel.wanted = False
            self._release(channel.peer)
            raise

    # The links' side.

    def judge(self, fingerprint: bytes, name: ChannelName) -> Admission | Refusal:
        """Only the configured partner may open, and only from the node where it was first met."""
        service = self._services.wanted(name.service, by=name.partner, wire=WIRE)
        channel = None if service is None else service.channel
        if service is None or (isinstance(channel, LinkChannel) and channel.peer != fingerprint):
            return Refusal(reason="unknown", detail="")
        if not isinstance(channel, LinkChannel):
            channel = self._new_channel(service, fingerprint)
        return Admission(parameters=channel.profile.exchange, ledger=channel.ledger)

    def link_up(self, link: LinkProtocol) -> None:
        """Open every channel that is wanted with this peer."""
        for channel in self._of_peer(link.fingerprint):
            if channel.wanted:
                channel.open()

    def link_down(self, link: LinkProtocol) -> None:
        """Every channel has had its ChannelDown."""

    def incarnation_changed(self, fingerprint: bytes) -> None:
        """Erase every key shared with the process that ended."""
        for channel in self._of_peer(fingerprint):
            channel.partner_restarted()

    def happened(self, link: LinkProtocol, event: ChannelEvent) -> None:
        """Tell the channel."""
        channel = self._channels.get((link.fingerprint, event.channel))
        if channel is not None:
            channel.happened(link, event)
        elif isinstance(event, KeyMade):
            event.key[:] = bytes(len(event.key))

    def _new_channel(self, service: Service, peer: bytes) -> LinkChannel:
        service.part()
        channel = LinkChannel(
            name=ChannelName(service.name, service.partner or ""),
            own=self.links.fingerprint,
            peer=peer,
            profile=self._profile,
            limits=self._limits,
            link=lambda: self.links.link(peer),
            seconds=self._seconds,
            closed=self._forget,
        )
        self._channels[peer, channel.name] = channel
        service.channel = channel
        return channel

    def _forget(self, channel: LinkChannel) -> None:
        self._channels.pop((channel.peer, channel.name), None)
        self._release(channel.peer)

    def _release(self, peer: bytes) -> None:
        if not any(channel.wanted for channel in self._of_peer(peer)):
            self.links.release(peer)

    def _of_peer(self, fingerprint: bytes) -> list[LinkChannel]:
        return [channel for channel in self._channels.values() if channel.peer == fingerprint]

    def _tick(self) -> None:
        for channel in list(self._channels.values()):
            channel.tick()
