"""Whether a channel is to be open, and what comes of asking the partner for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred, succeed

from dynamicrypt.errors import LocalError, SynchronisationError
from dynamicrypt.node.endings import (
    ASKED,
    GIVING_WAY,
    NOT_OPENED,
    Absence,
    after_end,
    after_refusal,
)
from dynamicrypt.peer.waiters import Waiters
from dynamicrypt.session.link_events import ChannelDown, ChannelRefused

#: Pause (s) before a refused channel is opened again: the partner may not have registered yet.
RETRY: Final = 2.0


class Opening:
    """How one channel comes to be open. `ask` asks the partner, where there is a link.

    While it is `wanted` this side asks whenever there is a link, and again after a refusal.
    """

    def __init__(self, ask: Callable[[], None], seconds: Callable[[], float]) -> None:
        #: It is to be open until it is closed.
        self.kept = False
        #: How many wait for it to come up, and will have it kept then.
        self.callers = 0
        #: The application has stopped the machines.
        self.stopped = False
        #: Both sides have opened it.
        self.up = False
        #: Why it is not up although there is a link.
        self.absence = NOT_OPENED
        self._ask = ask
        self._seconds = seconds
        self._retry_at = 0.0
        self._waiters = Waiters()

    @property
    def wanted(self) -> bool:
        """Whether this side asks for it wherever there is a link."""
        return self.kept or self.callers > 0

    def when_up(self) -> Deferred[None]:
        """Fires when it is up.

        Fails with SynchronisationError when it is refused, and with what `tell` or `end` is given.
        """
        return succeed(None) if self.up else self._waiters.wait()

    def ask(self) -> None:
        """Ask the partner for it, unless the application has stopped it."""
        if self.stopped:
            return
        try:
            self._ask()
        except LocalError as error:
            self._fail(Absence(f"the link has no room: {error}"))

    def linked(self) -> None:
        """There is a link to the peer."""
        if self.wanted:
            self.absence = ASKED
            self.ask()
        else:
            self.absence = NOT_OPENED

    def start(self) -> None:
        """Ask for it from now on, also after the application had stopped it."""
        self.stopped = False
        self.absence = ASKED
        self.ask()

    def tick(self) -> None:
        """Ask again, if it was refused some time ago."""
        now = self._seconds()
        if self.wanted and not self.up and now >= self._retry_at:
            self._retry_at = now + RETRY
            self.ask()

    def came_up(self) -> None:
        """Both sides have opened it."""
        self.up = True
        self._waiters.release()

    def refused(self, event: ChannelRefused) -> None:
        """The partner does not open it; of two that crossed, the other comes up."""
        if event.reason != "crossed":
            self._fail(after_refusal(event.reason, event.detail))

    def went_down(self, event: ChannelDown) -> None:
        """It is over, on this link."""
        self.up = False
        self.absence = after_end(event.reason, by_partner=event.by_partner)
        if event.by_partner:
            self._retry_at = self._seconds() + RETRY
        if event.reason not in GIVING_WAY:
            self._waiters.fail(SynchronisationError(self.absence.words))

    def tell(self, error: Exception) -> None:
        """It will not come up before somebody has done something about it."""
        self._waiters.fail(error)

    def end(self, error: Exception) -> None:
        """It is over for good."""
        self.kept = False
        self._waiters.fail(error)

    def _fail(self, absence: Absence) -> None:
        self.absence = absence
        self._retry_at = self._seconds() + RETRY
        self._waiters.fail(SynchronisationError(absence.words))
