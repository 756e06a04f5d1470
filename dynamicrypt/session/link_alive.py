"""The clockwork of a link: when it must be up, when to ask, and when to give it up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dynamicrypt.errors import RemoteError
from dynamicrypt.wire.link_messages import Ping, Pong


class SilenceError(RemoteError):
    """The partner has not been heard of for too long. The link is dialled again by itself."""


class StallError(RemoteError):
    """The partner answers pings, but not what it owes. The link is dialled again by itself."""


class PongError(RemoteError):
    """The partner answered what was not asked. Its program is faulty; update it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTimes:
    """Seconds of the link's clockwork, and keys of an epoch.

    `hello`: until the link must be up. `idle`: without data until we ask. `dead`: without data
    until the link is given up, and with data, but without an answer that is owed. `epoch`,
    `epoch_keys`: when role 0 begins a new epoch.
    """

    hello: float = 10.0
    idle: float = 5.0
    dead: float = 20.0
    epoch: float = 60.0
    epoch_keys: int = 100_000


class KeepAlive:
    """Watches one link; `now` is when it began, in seconds of a monotonic clock."""

    def __init__(self, times: LinkTimes, now: float) -> None:
        #: Seconds from the last question to its answer; None before the first.
        self.round_trip: float | None = None
        self._times: Final = times
        self._began = self._heard = now
        self._asked: float | None = None
        self._number = 0
        self._gated = False
        self._owed: int | None = None

    def heard(self, now: float) -> None:
        """Data came.

        Raises SilenceError if it came too late: after a host slept, what had arrived before is read
        first, and would make keys that the partner has dropped since.
        """
        self._check_silence(now)
        self._heard = now

    def check_start(self, now: float) -> None:
        """Raise SilenceError if the link should be up by now."""
        if now - self._began >= self._times.hello:
            raise SilenceError(f"no link within {self._times.hello:g} seconds")

    def due(self, now: float) -> list[Ping]:
        """The question to ask now, if any.

        Raises SilenceError if the partner has been silent for too long.
        """
        silence = self._check_silence(now)
        return self.ask(now) if silence >= self._times.idle else []

    def ask(self, now: float) -> list[Ping]:
        """A new question; none while one is open."""
        if self._asked is not None:
            return []
        self._asked = now
        self._number += 1
        return [Ping(number=self._number)]

    def _check_silence(self, now: float) -> float:
        silence = now - self._heard
        if silence >= self._times.dead:
            raise SilenceError(f"nothing heard for {silence:.0f} seconds")
        return silence

    def take_pong(self, message: Pong, now: float) -> None:
        """The answer came. Raises PongError if it answers nothing."""
        if self._asked is None or message.number != self._number:
            raise PongError(f"an answer {message.number} to no question")
        self.round_trip = now - self._asked
        self._asked = None

    def take_ping(self, message: Ping) -> list[Pong]:
        """The answer to the partner's question; once there is room for it, to the last one."""
        if self._gated:
            self._owed = message.number
            return []
        return [Pong(number=message.number)]

    def gate(self, *, closed: bool) -> list[Pong]:
        """Hold answers back, or give the one that was."""
        self._gated = closed
        if closed or self._owed is None:
            return []
        owed, self._owed = self._owed, None
        return [Pong(number=owed)]


class Patience:
    """Gives up what the partner owes for too long, though the link is alive."""

    def __init__(self, limit: float) -> None:
        self._limit: Final = limit
        self._since: dict[object, float] = {}

    def check(self, owed: Iterable[object], now: float) -> None:
        """Look at all that is owed now, each thing in a form that changes with every progress.

        Raises StallError for one that was owed at a check `limit` seconds ago, and ever since.
        """
        self._since = {each: self._since.get(each, now) for each in owed}
        for each, since in self._since.items():
            if now - since >= self._limit:
                raise StallError(f"no progress for {now - since:.0f} seconds: {each}")
