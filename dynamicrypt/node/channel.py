"""A channel of wire 2: what a service here shares with its partner at one peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from dynamicrypt.errors import LocalError, NoKeyYetError, PeerDownError, SynchronisationError
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.envelope import channel_binding
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.node.carrier import ERASING, FAULT, LEFT, STOPPED, Carrier, in_words
from dynamicrypt.node.events import EventLog, Kind
from dynamicrypt.node.messages import ChannelMessages
from dynamicrypt.node.rivals import REDUNDANT, SUPERSEDED
from dynamicrypt.node.status import ChannelStatus, MachineStatus
from dynamicrypt.node.supply import KeySupply
from dynamicrypt.params import Profile
from dynamicrypt.peer.waiters import Waiters
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

#: Pause (s) before a refused channel is opened again: the partner may not have registered yet.
RETRY: Final = 2.0
#: A partner may open a channel so often at once, and so often in a second: each time draws a bank,
#: which takes up to 15 ms, while no other link is served.
OPENINGS: Final = 16
OPENINGS_PER_SECOND: Final = 4.0
#: What people read of a channel that ended with FAULT on this side.
OWN_FAULT: Final = "a fault of this node ended it; the log tells more"


class LinkChannel(ChannelMessages):
    """The keys that a service here shares with its partner at one peer, and what they are for.

    While `wanted`, this side opens it whenever there is a link. Keys stay when the link goes, and
    are erased when the partner's process or this channel ends.
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
        absence: Callable[[], str],
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
        #: It is to be open until it is closed.
        self.kept = False
        #: How many wait for it to come up, and will have it kept then.
        self.callers = 0
        #: The application has stopped the machines.
        self.stopped = False
        role = int((own, name.service) > (peer, name.partner))
        ends = ((own, name.service), (peer, name.partner))
        binding = channel_binding(ends if role == 0 else (ends[1], ends[0]))
        super().__init__(ChannelCipher(role, binding, KeyStore(limits)), seconds)
        self.supply: Final = KeySupply(
            name, self.store, link=link, publish=self._publish, seconds=seconds, later=later
        )
        self._link = link
        self._absence = absence
        self._events = events
        self._closed = closed
        self._up = False
        self._reason = "the partner has not opened it"
        self._retry_at = 0.0
        self._opening = Waiters()

    @property
    def partner(self) -> str:
        """Name of the service at the other end."""
        return self.name.partner

    @property
    def live(self) -> bool:
        """Whether machines synchronise now, or rest because there are keys enough."""
        return self._up

    @property
    def wanted(self) -> bool:
        """Whether this side asks for it wherever there is a link."""
        return self.kept or self.callers > 0

    @property
    def statistics(self) -> Statistics | None:
        """What the machines did since the channel came up; None while nothing carries it."""
        link = self._link()
        return link.statistics(self.name) if link is not None and link.carries(self.name) else None

    def describe(self) -> ChannelStatus:
        """How it is now."""
        state, reason = self._state()
        link = self._link()
        if link is not None and not link.carries(self.name):
            link = None
        return ChannelStatus(
            state=state,
            reason=reason,
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
        return succeed(None) if self.live else self._opening.wait()

    def when_ready(self, count: int = 1) -> Deferred[None]:
        """Fires when so many keys are ready at once; to be cancelled by who stops waiting.

        Fails with SynchronisationError when the channel is closed. Raises ParameterError for more
        than a store ever has.
        """
        return self.supply.when_ready(count)

    def linked(self) -> None:
        """There is a link to the peer."""
        if self.wanted:
            self._reason = "the partner is asked"
            self.open_on_link()
        else:
            self._reason = "the partner has not opened it"

    def open_on_link(self) -> None:
        """Ask the partner for the channel, if there is a link."""
        link = self._link()
        if link is None or self.stopped:
            return
        try:
            link.open(self.name, self.profile.exchange, self.ledger)
        except LocalError as error:
            self._not_opened(f"the link has no room: {error}")

    def stop(self) -> None:
        """Let the machines be; the keys stay usable until they expire."""
        self.stopped = True
        link = self._link()
        if link is not None:
            link.close_channel(self.name, STOPPED)

    def start(self) -> None:
        """Let the machines go on."""
        self.stopped = False
        self._reason = "the partner is asked"
        self.open_on_link()

    def tick(self) -> None:
        """Forget what is old; try again to open a channel that was refused."""
        self._expire()
        self._used()
        now = self._seconds()
        if self.wanted and not self._up and now >= self._retry_at:
            self._retry_at = now + RETRY
            self.open_on_link()

    def partner_restarted(self) -> None:
        """The partner's keys are gone with its process, and so is the use of ours."""
        self._erase()
        self.ledger.clear()

    def close(self, reason: str = LEFT) -> None:
        """End the channel, here and at the partner, and erase the keys."""
        self.kept = False
        link = self._link()
        if link is not None:
            link.close_channel(self.name, reason)
        error = SynchronisationError("the channel was closed")
        self._opening.fail(error)
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
                self._refused(event)
            case ChannelDown():
                self._go_down(event)
            case _:
                pass

    def _state(self) -> tuple[str, str]:
        """The state, and why it is not up."""
        if self.stopped:
            return "stopped", "the application has stopped it"
        if self._up:
            return ("resting" if self.supply.resting else "up"), ""
        if self._link() is None:
            return "down", self._absence()
        return ("opening" if self.wanted else "down"), self._reason

    def _starved(self, error: NoKeyYetError) -> NoKeyYetError:
        """Why there is no key, where that is because the channel is not up."""
        state, reason = self._state()
        if not reason:
            return error
        unlinked = self._link() is None and not self.stopped
        kind = PeerDownError if unlinked else NoKeyYetError
        return kind(f"{error}; the channel is {state}: {reason}")

    def _used(self) -> None:
        self.supply.used()

    def _come_up(self, link: Carrier) -> None:
        self._up = True
        self.supply.begin()
        self._log.info(
            "channel up channel={service}/{partner} wire=2 profile={profile} group={group}",
            service=self.name.service,
            partner=self.name.partner,
            profile=self.profile.name,
            group=link.group,
        )
        self._publish(Kind.CHANNEL_UP)
        self._opening.release()
        self.supply.rest_when_full()

    def _refused(self, event: ChannelRefused) -> None:
        if event.reason == "crossed":
            return
        self._not_opened(f"refused by the partner: {event.reason} {event.detail}".rstrip())

    def _not_opened(self, reason: str) -> None:
        self._reason = reason
        self._retry_at = self._seconds() + RETRY
        self._opening.fail(SynchronisationError(reason))

    def _go_down(self, event: ChannelDown) -> None:
        self._up = False
        self._reason = OWN_FAULT if event.reason == FAULT else event.reason
        if event.by_partner:
            self._reason = in_words(event.reason)
            self._retry_at = self._seconds() + RETRY
            if event.reason in ERASING:
                self.store.own.erase()
                self._used()
        self._log.info(
            "channel down channel={service}/{partner}: {reason}",
            service=self.name.service,
            partner=self.name.partner,
            reason=self._reason,
        )
        self._publish(Kind.CHANNEL_DOWN, reason=self._reason)
        if event.reason not in {REDUNDANT, SUPERSEDED}:
            # Else the other link, which stays, carries the channel on.
            self._opening.fail(SynchronisationError(self._reason))

    def _publish(self, kind: Kind, **more: object) -> None:
        service, partner = self.name
        self._events.publish(kind, owner=self.owner, service=service, partner=partner, **more)
