"""A channel of wire 2: what a service here shares with its partner at one peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from dynamicrypt.errors import NoKeyYetError, PeerRemovedError, SynchronisationError
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.envelope import channel_binding
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.node.carrier import Carrier
from dynamicrypt.node.endings import (
    ERASING,
    LEFT,
    REMOVED,
    STOPPED,
    STOPPED_HERE,
    Absence,
    after_close,
)
from dynamicrypt.node.events import EventLog, Kind
from dynamicrypt.node.messages import ChannelMessages
from dynamicrypt.node.opening import Opening
from dynamicrypt.node.status import ChannelStatus, MachineStatus
from dynamicrypt.node.supply import KeySupply
from dynamicrypt.params import Profile
from dynamicrypt.session.allowance import Allowance
from dynamicrypt.session.link_events import (
    ChannelDown,
    ChannelEvent,
    ChannelName,
    ChannelRefused,
    ChannelUp,
    KeyConfirmed,
    KeyMade,
    KeysForgotten,
    KeyUnmatched,
)
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_statistics import Statistics

#: A partner may open a channel so often at once, and so often in a second: each time draws a bank,
#: which takes up to 15 ms, while no other link is served.
OPENINGS: Final = 16
OPENINGS_PER_SECOND: Final = 4.0


class LinkChannel(ChannelMessages):
    """The keys that a service here shares with its partner at one peer, and what they are for.

    `opening` is how it comes to be open. Keys stay when the link goes, and are erased when the
    partner's process or this channel ends, and when the peer is removed.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        name: ChannelName,
        owner: str,
        own: bytes,
        peer: bytes,
        profile: Profile,
        limits: StoreLimits,
        link: Callable[[], Carrier | None],
        absence: Callable[[], Absence],
        events: EventLog,
        seconds: Callable[[], float],
        later: Callable[[Callable[[], None]], object],
        closed: Callable[[LinkChannel], object],
    ) -> None:
        self.name: Final = name
        self.owner: Final = owner
        self.peer: Final = peer
        self.profile: Final = profile
        self.ledger: Final = Ledger()
        #: How often the partner may open it.
        self.openings: Final = Allowance(OPENINGS, OPENINGS_PER_SECOND, seconds())
        role = int((own, name.service) > (peer, name.partner))
        ends = ((own, name.service), (peer, name.partner))
        binding = channel_binding(ends if role == 0 else (ends[1], ends[0]))
        super().__init__(ChannelCipher(role, binding, KeyStore(limits)), seconds)
        self.supply: Final = KeySupply(
            name, self.store, link=link, publish=self._publish, seconds=seconds, later=later
        )
        self.opening: Final = Opening(self._ask, seconds)
        self._link = link
        self._absence = absence
        self._events = events
        self._closed = closed

    @property
    def partner(self) -> str:
        """Name of the service at the other end."""
        return self.name.partner

    @property
    def live(self) -> bool:
        """Whether machines synchronise now, or rest because there are keys enough."""
        return self.opening.up

    @property
    def statistics(self) -> Statistics | None:
        """What the machines did since the channel came up; None while nothing carries it."""
        link = self._link()
        return link.statistics(self.name) if link is not None and link.carries(self.name) else None

    @property
    def trouble(self) -> type[NoKeyYetError] | None:
        """What keeps a channel from working that is to be open; None where nothing does.

        One that is up and has had a key works: who uses them faster waits.
        """
        if not self.opening.wanted or self.opening.stopped:
            return None
        _, absence = self._state()
        own = self.store.own
        if own.free or own.in_use or (absence is None and self.supply.confirmed):
            return None
        return NoKeyYetError if absence is None else absence.error

    def describe(self) -> ChannelStatus:
        """How it is now."""
        state, absence = self._state()
        link = self._link()
        if link is not None and not link.carries(self.name):
            link = None
        return ChannelStatus(
            state=state,
            reason="" if absence is None else absence.words,
            code="" if absence is None else absence.error.code,
            profile=self.profile.name,
            levels=self.store.levels,
            rounds=0 if link is None else link.statistics(self.name).rounds,
            keys_made=self.supply.made,
            keys_confirmed=self.supply.confirmed,
            keys_unmatched=self.supply.unmatched,
            machines=()
            if link is None
            else tuple(
                MachineStatus(id=number, state="active" if active else "held", run=run, steps=steps)
                for number, active, run, steps in link.machines(self.name)
            ),
        )

    def when_live(self) -> Deferred[None]:
        """Fires when the channel is up; fails with SynchronisationError when it is refused."""
        return self.opening.when_up()

    def when_ready(self, count: int = 1) -> Deferred[None]:
        """Fires when so many keys are ready at once; to be cancelled by who stops waiting.

        Fails with what `after_close` says when the channel is closed, and with PeerRemovedError
        when the peer is removed. Raises ParameterError for
        more than a store ever has.
        """
        return self.supply.when_ready(count)

    def stop(self) -> None:
        """Let the machines be; the keys stay usable until they expire."""
        self.opening.stopped = True
        link = self._link()
        if link is not None:
            link.close_channel(self.name, STOPPED)

    def start(self) -> None:
        """Let the machines go on."""
        self.opening.start()

    def tick(self) -> None:
        """Forget what is old; try again to open a channel that was refused."""
        self._expire()
        self._used()
        self.opening.tick()

    def partner_restarted(self) -> None:
        """The partner's keys are gone with its process, and so is the use of ours."""
        self._erase()
        self.ledger.clear()

    def peer_removed(self) -> None:
        """The peer is known no more, and has no link: whatever is shared with it ends.

        So does what is under way. To be called again as long as that is so. If the peer is known
        again the channel goes on, and tells its partner that the keys of before are gone.
        """
        levels = self.store.levels
        if levels.offered or levels.free or levels.in_use or levels.held:
            self._log.info(
                "keys erased channel={service}/{partner}: {why}",
                service=self.name.service,
                partner=self.partner,
                why=REMOVED,
            )
        self._end_streams()
        self.partner_restarted()
        self._used()
        self.opening.tell(SynchronisationError(REMOVED))
        self.supply.end(PeerRemovedError(f"no key comes: {REMOVED}"))

    def close(self, reason: str = LEFT) -> None:
        """End the channel, here and at the partner, and erase the keys."""
        error = after_close(reason)
        self.opening.end(error)
        link = self._link()
        if link is not None:
            link.close_channel(self.name, reason)
        self.supply.end(error)
        self._erase()
        self._closed(self)

    def happened(self, link: Carrier, event: ChannelEvent) -> None:
        """Keep the keys, and keep track of the channel."""
        match event:
            case KeyMade():
                self.supply.keep(event)
            case KeyConfirmed():
                self.supply.confirm(event)
            case KeyUnmatched():
                self.supply.discard(event)
            case KeysForgotten():
                self._erase()
            case ChannelUp():
                self._come_up(link)
            case ChannelRefused():
                self.opening.refused(event)
            case ChannelDown():
                self._go_down(event)
            case _:
                pass

    def _state(self) -> tuple[str, Absence | None]:
        """The state, and why it is not up."""
        absence = self._absence() if self._link() is None else None
        if absence is not None and absence.error is PeerRemovedError:
            return "down", absence
        if self.opening.stopped:
            return "stopped", STOPPED_HERE
        if self.opening.up:
            return ("resting" if self.supply.resting else "up"), None
        if absence is not None:
            return "down", absence
        return ("opening" if self.opening.wanted else "down"), self.opening.absence

    def _starved(self, error: NoKeyYetError) -> NoKeyYetError:
        """Why there is no key, where that is because the channel is not up."""
        state, absence = self._state()
        if absence is None:
            return error
        return absence.error(f"{error}; the channel is {state}: {absence.words}")

    def _used(self) -> None:
        self.supply.used()

    def _ask(self) -> None:
        link = self._link()
        if link is not None:
            link.open(self.name, self.profile.exchange, self.ledger)

    def _come_up(self, link: Carrier) -> None:
        self.supply.begin()
        self._log.info(
            "channel up channel={service}/{partner} wire=2 profile={profile} group={group}",
            service=self.name.service,
            partner=self.name.partner,
            profile=self.profile.name,
            group=link.group,
        )
        self.opening.came_up()
        self._publish(Kind.CHANNEL_UP)
        self.supply.rest_when_full()

    def _go_down(self, event: ChannelDown) -> None:
        self.opening.went_down(event)
        if event.by_partner and event.reason in ERASING:
            self.store.own.erase()
            self._used()
        self._log.info(
            "channel down channel={service}/{partner}: {reason}",
            service=self.name.service,
            partner=self.name.partner,
            reason=self.opening.absence.words,
        )
        self._publish(Kind.CHANNEL_DOWN, reason=self.opening.absence.words)

    def _publish(self, kind: Kind, **more: object) -> None:
        service, partner = self.name
        self._events.publish(kind, owner=self.owner, service=service, partner=partner, **more)
