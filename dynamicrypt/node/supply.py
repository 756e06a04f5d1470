"""The keys of a channel on their way: from the machines into the store, and to those who wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from dynamicrypt.errors import ParameterError
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.node.carrier import Carrier
from dynamicrypt.node.events import Kind
from dynamicrypt.session.link_events import ChannelName, KeyConfirmed, KeyMade, KeyUnmatched

#: A channel logs what it made at most this often (s).
LOG_PERIOD: Final = 10.0


class KeySupply:
    """Puts keys into the store of a channel; machines rest while there are keys enough.

    `link` gives what carries the channel, `publish` tells of keys that are ready or run low, and
    `later` does something in a turn of the reactor of its own.
    """

    _log = Logger()

    def __init__(
        self,
        name: ChannelName,
        store: KeyStore,
        *,
        link: Callable[[], Carrier | None],
        publish: Callable[[Kind], None],
        seconds: Callable[[], float],
        later: Callable[[Callable[[], None]], object],
    ) -> None:
        #: Keys that the machines made, own ones that the partner holds, and those that differed.
        self.made = 0
        self.confirmed = 0
        self.unmatched = 0
        self.resting = False
        self._name = name
        self._store = store
        self._link = link
        self._publish = publish
        self._seconds = seconds
        self._later = later
        self._low = True
        self._began = 0.0
        #: Since when the machines work, and how long (s) they did before, since they began.
        self._working_since = 0.0
        self._worked = 0.0
        self._logged_at = float("-inf")
        self._starving: list[tuple[int, Deferred[None]]] = []
        self._feeding = False

    def begin(self) -> None:
        """The channel has come up, and its machines run."""
        self.resting = False
        self._began = self._working_since = self._seconds()
        self._worked = 0.0

    def keep(self, made: KeyMade) -> None:
        """Store a key; the event's is wiped."""
        self.made += 1
        try:
            self._store.add(made.id, made.key, owner=made.owner, now=self._seconds())
        finally:
            made.key[:] = bytes(len(made.key))
        self.rest_when_full()

    def confirm(self, event: KeyConfirmed) -> None:
        """An own key is ready: tell those who wait."""
        self.confirmed += 1
        if not self._store.confirm(event.id):
            # It was waited for too long, during a cut, and is gone: no key is ready because of it.
            return
        if self._low:
            self._low = False
            self._publish(Kind.KEY_READY)
            self._log_first()
        if self._starving and not self._feeding:
            # The link is not done with the channel, and who waited may do anything with it.
            self._feeding = True
            self._later(self._feed)

    def discard(self, event: KeyUnmatched) -> None:
        """The two sides do not share a key."""
        self.unmatched += 1
        self._store.discard(event.id)

    def used(self) -> None:
        """Keys may have been taken: wake the machines before there is none."""
        if self.resting and self._scarce:
            link = self._link()
            if link is not None:
                self.resting = False
                self._working_since = self._seconds()
                link.resume(self._name)
        if not self._low and not self._store.own.free:
            self._low = True
            self._publish(Kind.KEY_LOW)

    def rest_when_full(self) -> None:
        """Let the machines rest if there are keys enough."""
        link = self._link()
        if link is not None and not self.resting and self._store.should_pause:
            self.resting = True
            self._worked += self._seconds() - self._working_since
            link.pause(self._name)
            self._log_made(link)

    def when_ready(self, count: int) -> Deferred[None]:
        """Fires when so many keys are ready at once; to be cancelled by who stops waiting.

        It fires outside of the link's events. Raises ParameterError for more than a store ever has.
        """
        if not 0 < count <= self._store.limits.high:
            raise ParameterError(f"a channel has at most {self._store.limits.high} keys ready")
        if self._store.own.free >= count:
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._leave)
        self._starving.append((count, waiting))
        self.used()
        return waiting

    def end(self, error: Exception) -> None:
        """No more keys will come: tell those who wait."""
        for _, waiting in list(self._starving):
            if not waiting.called:
                self._leave(waiting)
                waiting.errback(error)

    @property
    def _scarce(self) -> bool:
        """Whether keys run low, or are fewer than somebody waits for."""
        coming = self._store.own.free + self._store.own.offered
        return self._store.should_resume or any(count > coming for count, _ in self._starving)

    def _feed(self) -> None:
        """Tell who has keys enough; each may take some before the next is asked."""
        self._feeding = False
        for count, waiting in list(self._starving):
            if count <= self._store.own.free and not waiting.called:
                self._leave(waiting)
                waiting.callback(None)

    def _leave(self, waiting: Deferred[None]) -> None:
        self._starving = [pair for pair in self._starving if pair[1] is not waiting]

    def _log_first(self) -> None:
        if self.confirmed == 1:
            self._log.info(
                "first key channel={service}/{partner} milliseconds={milliseconds:.1f}",
                service=self._name.service,
                partner=self._name.partner,
                milliseconds=(self._seconds() - self._began) * 1000,
            )

    def _log_made(self, link: Carrier) -> None:
        now = self._seconds()
        # The link may have ended the channel after it made the key that is told of now.
        if now - self._logged_at < LOG_PERIOD or not link.carries(self._name):
            return
        statistics = link.statistics(self._name)
        self._log.info(
            "enough keys channel={service}/{partner} rounds={rounds} passes={passes}"
            " restarts={restarts} keys={keys} milliseconds={milliseconds:.0f}",
            service=self._name.service,
            partner=self._name.partner,
            rounds=statistics.rounds,
            passes=statistics.passes,
            restarts=statistics.restarts,
            keys=statistics.keys,
            milliseconds=self._worked * 1000,
        )
        self._logged_at = now
