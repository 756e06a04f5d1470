"""What became of keys that are gone: their ids and the counters that they served for."""

from __future__ import annotations

from collections import deque
from enum import Enum

from dynamicrypt.keys.window import CounterWindow


class Fate(Enum):
    """Why a key is gone."""

    #: All that it served for was opened.
    OPENED = "opened"
    #: The key itself was handed to an application.
    DELIVERED = "delivered"
    EXPIRED = "expired"


class Tombstones:
    """The fates of the keys that ended last, for each message under them.

    A key that expired while it served keeps its window, so that a message that was opened under it
    is known for a replay, and one that was not for a late one.

    At least the last half of `capacity` ids are remembered for at least half of `lifetime`
    seconds, and never more than `capacity` ids. Two generations of ids make forgetting cheap and
    give the memory of a busy hour back. The gaps in their windows take at most `room` bytes; the
    windows of the keys that ended first are closed to keep to that, so that what cannot be told
    any more counts as opened.
    """

    __slots__ = ("_capacity", "_lifetime", "_old", "_room", "_since", "_young")

    def __init__(self, capacity: int, lifetime: float, room: int) -> None:
        self._capacity = capacity
        self._lifetime = lifetime
        self._room = room
        self._young = _Generation()
        self._old = _Generation()
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._young.stones) + len(self._old.stones)

    @property
    def volume(self) -> int:
        """Bytes that the gaps in the windows take."""
        return self._young.volume + self._old.volume

    def add(
        self, key_id: bytes, fate: Fate, now: float, window: CounterWindow | None = None
    ) -> None:
        """Remember what became of the key; with the `window` of one that expired in use."""
        self.forget(now)
        if 2 * len(self._young.stones) >= self._capacity:
            self._turn(now)
        self._young.add(key_id, fate if window is None else window)
        while self.volume > self._room:
            (self._old if self._old.gapped else self._young).close_first()

    def get(self, key_id: bytes, counter: int | None = None) -> Fate | None:
        """Return what became of the key, if that is remembered.

        With the `counter` of a message it is the fate of that message: EXPIRED unless it was
        opened. Without one, whatever served is OPENED.
        """
        stone = self._young.stones.get(key_id) or self._old.stones.get(key_id)
        if isinstance(stone, CounterWindow):
            missed = counter is not None and stone.is_fresh(counter)
            return Fate.EXPIRED if missed else Fate.OPENED
        return stone

    def forget(self, now: float) -> None:
        """Drop what is old enough."""
        if 2 * (now - self._since) >= self._lifetime:
            self._turn(now)

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old = _Generation(), _Generation()

    def _turn(self, now: float) -> None:
        self._old, self._young = self._young, _Generation()
        self._since = now


class _Generation:
    """Tombstones that are forgotten together."""

    __slots__ = ("gapped", "stones", "volume")

    def __init__(self) -> None:
        self.stones: dict[bytes, Fate | CounterWindow] = {}
        #: Windows with gaps, in the order in which their keys ended, and the bytes of the gaps.
        self.gapped: deque[CounterWindow] = deque()
        self.volume = 0

    def add(self, key_id: bytes, stone: Fate | CounterWindow) -> None:
        """Take a tombstone."""
        self.stones[key_id] = stone
        if isinstance(stone, CounterWindow) and stone.gapped:
            self.gapped.append(stone)
            self.volume += stone.size

    def close_first(self) -> None:
        """Close the window that was taken first; there is one."""
        window = self.gapped.popleft()
        self.volume -= window.size
        window.close()
