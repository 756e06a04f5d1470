"""Wire 2 in the node: which channels there are, who may open them, and the links they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from dynamicrypt.errors import ParameterError, SynchronisationError, TooManyServicesError
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.node.carrier import Carrier
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.endings import FAULT, NODE_STOPPED
from dynamicrypt.node.events import EventLog, Kind
from dynamicrypt.node.links import Links
from dynamicrypt.node.local import LocalLink
from dynamicrypt.node.reactor import Reactor
from dynamicrypt.node.service import Service, Services
from dynamicrypt.params import Profile
from dynamicrypt.peer.errors import OwnNodeError
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.link import LinkProtocol
from dynamicrypt.peer.peers import Address, KnownPeers
from dynamicrypt.session.allowance import Allowances
from dynamicrypt.session.link_admission import Admission, Refusal
from dynamicrypt.session.link_alive import LinkTimes
from dynamicrypt.session.link_events import ChannelEvent, ChannelName, KeyMade
from dynamicrypt.wire.link import MAX_CHANNELS, check_name

#: The number of this wire in interfaces.
WIRE: Final = 2
#: How often (s) stores forget what is old, and channels that were refused are tried again.
TICK: Final = 1.0
#: Channels that one peer may open at once, after a cut all of them twice, and in a second.
OPENINGS: Final = 2 * MAX_CHANNELS
OPENINGS_PER_SECOND: Final = 64.0
_UNKNOWN: Final = Refusal(reason="unknown", detail="")


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
        events: EventLog,
        limits: StoreLimits | None = None,
    ) -> None:
        self.events: Final = events
        times = LinkTimes(epoch=profile.epoch_seconds, epoch_keys=profile.epoch_keys)
        self.links: Final = Links(
            reactor, identity=identity, peers=peers, name=name, times=times, owner=self
        )
        self._services = services
        self._seconds = reactor.seconds
        self._later = partial(reactor.callLater, 0)
        self._profile = profile
        self._limits = limits or StoreLimits()
        self._local = LocalLink(
            lambda name: self.judge(self.links.fingerprint, name),
            lambda event: self._happened(self.links.fingerprint, self._local, event),
        )
        self._channels: dict[tuple[bytes, ChannelName], LinkChannel] = {}
        self._openings: Allowances[bytes] = Allowances(OPENINGS, OPENINGS_PER_SECOND)
        self._ticker = LoopingCall(self._tick)
        self._ticker.clock = reactor

    def start(self) -> None:
        """Let the clock run, and open what is wanted."""
        self.links.start()
        self._keep_links()
        for channel in self._wanted():
            channel.opening.ask()
            if self._carrier(channel.peer) is None and self.links.peer_of(channel.peer) is None:
                self._log.warn(
                    "warning: channel={service}/{partner} waits for a peer that is known no more",
                    service=channel.name.service,
                    partner=channel.name.partner,
                )
        self._ticker.start(TICK, now=False).addErrback(
            lambda failure: self._log.failure("the channels' clock stopped", failure)
        )

    def stop(self) -> None:
        """Tell every partner that its keys end with this process, and end every link."""
        if self._ticker.running:
            self._ticker.stop()
        # The links stay up until all channels have said so: see `_forget`.
        self._for_each(self._channels.values(), lambda channel: channel.close(NODE_STOPPED))
        self.links.stop()

    async def synchronise(self, service: Service, address: str, port: int) -> None:
        """Reach the partner's node and open the channel; it is kept open from now on.

        Raises what kept it from that, and gives up then, unless it was to be kept open before.
        """
        partner = service.partner or ""
        check_name(service.name)
        check_name(partner)
        try:
            peer = (await self.links.reach(Address(address, port))).fingerprint
        except OwnNodeError:
            peer = self.links.fingerprint
        if not self._wants(service, partner):
            # While the node was dialled the service left, or chose another partner.
            self._release(peer)
            raise SynchronisationError("another call came in between")
        channel = self.add(service, partner, peer)
        channel.opening.callers += 1
        try:
            up = channel.when_live()
            channel.start()
            await up
            channel.opening.kept = True
        finally:
            channel.opening.callers -= 1
            if not channel.opening.wanted:
                self._release(channel.peer)

    def add(self, service: Service, partner: str, peer: bytes) -> LinkChannel:
        """The channel with the partner at this peer; there may be one already.

        It is not opened. A channel with the partner at another peer ends. Raises ParameterError for
        a name that the link cannot carry, and TooManyServicesError where the peer has all the
        channels it may.
        """
        channel = service.channels.get(partner)
        if isinstance(channel, LinkChannel) and channel.peer == peer:
            return channel
        return self._new_channel(service, partner, peer)

    def open(self, service: Service, partner: str, peer: bytes) -> LinkChannel:
        """The channel with the partner at this peer, kept open from now on; raises what `add` does.

        The peer is dialled if its address is known.
        """
        channel = self.add(service, partner, peer)
        channel.opening.kept = True
        self.links.keep(peer)
        channel.start()
        return channel

    # The links' side.

    def judge(self, fingerprint: bytes, name: ChannelName) -> Admission | Refusal:
        """Only a pair that a caller here has named may be opened, and only from the right node.

        A REST v1 service names no node: the first paired one that opens is pinned.
        """
        service = self._services.find(name.service)
        if service is None or service.wire != WIRE:
            return _UNKNOWN
        channel = service.channels.get(name.partner)
        if channel is None and service.partner == name.partner:
            try:
                channel = self._new_channel(service, name.partner, fingerprint)
            except TooManyServicesError as error:
                return Refusal(reason="too-many", detail=str(error))
        if not isinstance(channel, LinkChannel) or channel.peer != fingerprint:
            return _UNKNOWN
        if channel.opening.stopped:
            return Refusal(reason="stopped", detail="")
        if not self._may_open(channel):
            return Refusal(reason="too-often", detail="")
        return Admission(parameters=channel.profile.exchange, ledger=channel.ledger)

    def link_up(self, link: LinkProtocol) -> None:
        """Open every channel that is wanted with this peer."""
        self.events.publish(Kind.PEER_UP, peer=self.links.name_of(link.fingerprint))
        self._for_each(self._of_peer(link.fingerprint), lambda channel: channel.opening.linked())

    def link_down(self, link: LinkProtocol, reason: str) -> None:
        """Every channel has had its ChannelDown."""
        name = self.links.name_of(link.fingerprint)
        self.events.publish(Kind.PEER_DOWN, peer=name, reason=reason)
        self._part_from_removed({link.fingerprint})

    def incarnation_changed(self, fingerprint: bytes) -> None:
        """Erase every key shared with the process that ended."""
        for channel in self._of_peer(fingerprint):
            channel.partner_restarted()

    def happened(self, link: LinkProtocol, event: ChannelEvent) -> None:
        """Tell the channel."""
        self._happened(link.fingerprint, link, event)

    def _happened(self, peer: bytes, link: Carrier, event: ChannelEvent) -> None:
        channel = self._channels.get((peer, event.channel))
        if channel is not None:
            try:
                channel.happened(link, event)
            except Exception:
                # What the channel believes may now be wrong: it is opened anew.
                self._log.failure("an event of a channel was not taken")
                link.close_channel(event.channel, FAULT)
        elif isinstance(event, KeyMade):
            event.key[:] = bytes(len(event.key))

    def _carrier(self, peer: bytes) -> Carrier | None:
        return self._local if peer == self.links.fingerprint else self.links.link(peer)

    def _wants(self, service: Service, partner: str) -> bool:
        return (
            self._services.find(service.name) is service
            and service.wire == WIRE
            and service.partner == partner
        )

    def _new_channel(self, service: Service, partner: str, peer: bytes) -> LinkChannel:
        check_name(service.name)
        check_name(partner)
        if (peer, partner) == (self.links.fingerprint, service.name):
            raise ParameterError("a service is not its own partner")
        if len(self._of_peer(peer)) >= MAX_CHANNELS:
            raise TooManyServicesError(f"there are {MAX_CHANNELS} channels with this peer already")
        service.part(partner)
        channel = LinkChannel(
            name=ChannelName(service.name, partner),
            owner=service.owner,
            own=self.links.fingerprint,
            peer=peer,
            profile=self._profile,
            limits=self._limits,
            link=lambda: self._carrier(peer),
            absence=lambda: self.links.absence(peer),
            events=self.events,
            seconds=self._seconds,
            later=self._later,
            closed=self._forget,
        )
        self._channels[peer, channel.name] = channel
        service.channels[partner] = channel
        return channel

    def _may_open(self, channel: LinkChannel) -> bool:
        """Whether the peer opens neither this channel nor all of its channels too often."""
        now = self._seconds()
        return channel.openings.take(now) and self._openings.take(channel.peer, now)

    def _forget(self, channel: LinkChannel) -> None:
        self._channels.pop((channel.peer, channel.name), None)
        if self._ticker.running:
            self._release(channel.peer)

    def _release(self, peer: bytes) -> None:
        if not any(channel.opening.wanted for channel in self._of_peer(peer)):
            self.links.release(peer)

    def _of_peer(self, fingerprint: bytes) -> list[LinkChannel]:
        return [channel for channel in self._channels.values() if channel.peer == fingerprint]

    def _wanted(self) -> list[LinkChannel]:
        return [channel for channel in self._channels.values() if channel.opening.wanted]

    def _keep_links(self) -> None:
        """Dial the peers of what is wanted where they are known to be now."""
        for peer in {channel.peer for channel in self._wanted()}:
            self.links.keep(peer)

    def _tick(self) -> None:
        self._keep_links()
        self._part_from_removed({channel.peer for channel in self._channels.values()})
        self._for_each(self._channels.values(), lambda channel: channel.tick())

    def _part_from_removed(self, peers: Iterable[bytes]) -> None:
        """Erase what is shared with those of these peers that are known no more."""
        removed = self.links.removed(peers)
        if removed:
            shared = [each for each in self._channels.values() if each.peer in removed]
            self._for_each(shared, lambda channel: channel.peer_removed())

    def _for_each(
        self, channels: Iterable[LinkChannel], act: Callable[[LinkChannel], object]
    ) -> None:
        """What is wrong with one channel must not reach the others, nor the link and the clock."""
        for channel in list(channels):
            try:
                act(channel)
            except Exception:
                self._log.failure("a channel failed")
