"""A channel of wire 1: the keys a service shares with its partner, and the link that makes them."""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dynamicrypt.keys.thesis_store import ThesisKeyStore
from dynamicrypt.peer.thesis import ThesisProtocol
from dynamicrypt.session.thesis import Event, KeyBorn, KeyConfirmed, RunDiscarded

#: Keys outlive a cut this long (s), so that what is under way can still be read.
KEY_LIFETIME: Final = 3600.0


class ThesisChannel:
    """The keys of a (service, partner) pair over wire 1, with the connection that makes them.

    The keys stay when the connection goes, for KEY_LIFETIME.
    """

    _log = Logger()

    def __init__(self, *, service: str, partner: str, clock: IReactorTime) -> None:
        self.partner: Final = partner
        self.store: Final = ThesisKeyStore()
        self.keys_made = 0
        self.runs_discarded = 0
        self._name = f"{service}/{partner}"
        self._clock = clock
        self._connection: ThesisProtocol | None = None
        self._born_at = 0.0
        self._expiry: IDelayedCall | None = None
        self._waiting: list[Deferred[None]] = []

    @property
    def live(self) -> bool:
        """Whether machines synchronise now."""
        return self._connection is not None

    def when_live(self) -> Deferred[None]:
        """Fires at the next `connected`, at once where the channel is live."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        if self.live:
            waiting.callback(None)
        else:
            self._waiting.append(waiting)
        return waiting

    def connected(self, connection: ThesisProtocol) -> None:
        """Machines synchronise from now on; keys are numbered anew."""
        self._connection = connection
        self._born_at = self._clock.seconds()
        self._cancel_expiry()
        self.store.new_connection(dialler=connection.dialler)
        self._log.info("channel up channel={channel} wire=1", channel=self._name)
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

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

    def close(self) -> None:
        """End the connection and erase the keys."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.drop()
            self._log.info("channel closed channel={channel}", channel=self._name)
        self._cancel_expiry()
        self.store.erase()

    def _keep(self, born: KeyBorn) -> None:
        now = self._clock.seconds()
        self.store.hold(born.number, born.key)
        if born.confirmed:
            self.store.confirm(born.number)
        born.key[:] = bytes(len(born.key))
        self.keys_made += 1
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
