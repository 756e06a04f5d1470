"""What happens on a node, for those who watch it: a ring of numbered events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from twisted.logger import Logger

from dynamicrypt.errors import EventsLostError

#: Events that are kept for those who come back.
RING: Final = 1024


class Kind(Enum):
    """What an event says."""

    KEY_READY = "key-ready"
    KEY_LOW = "key-low"
    CHANNEL_UP = "channel-up"
    CHANNEL_DOWN = "channel-down"
    PEER_UP = "peer-up"
    PEER_DOWN = "peer-down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; `owner` is whose service it concerns, None for an event of the node."""

    id: int
    kind: Kind
    owner: str | None
    data: Mapping[str, object]


class EventLog:
    """The last events of the node, numbered from 1 without gaps."""

    _log = Logger()

    def __init__(self) -> None:
        self._ring: deque[Event] = deque(maxlen=RING)
        self._last = 0
        self._watchers: list[Callable[[Event], object]] = []

    @property
    def last(self) -> int:
        """Id of the newest event; 0 before the first."""
        return self._last

    def publish(self, kind: Kind, *, owner: str | None = None, **data: object) -> None:
        """Tell everyone who watches; a watcher that fails is logged and harms nobody else."""
        self._last += 1
        event = Event(id=self._last, kind=kind, owner=owner, data=data)
        self._ring.append(event)
        for watcher in list(self._watchers):
            try:
                watcher(event)
            except Exception:
                self._log.failure("a watcher of events failed")

    def since(self, last: int) -> list[Event]:
        """The events after the one with this id.

        Raises EventsLostError if some of them are no longer kept.
        """
        if last > self._last or self._last - last > len(self._ring):
            raise EventsLostError(f"events after {last} are not kept")
        return [event for event in self._ring if event.id > last]

    def subscribe(self, watcher: Callable[[Event], object]) -> Callable[[], None]:
        """Call `watcher` with each event from now on; returns what ends that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)
