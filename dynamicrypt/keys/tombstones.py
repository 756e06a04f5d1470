"""What became of keys that are gone: their ids only."""

from __future__ import annotations

from enum import Enum


class Fate(Enum):
    """Why a key is gone."""

    USED = "used"
    EXPIRED = "expired"


class Tombstones:
    """The fates of the keys that ended last.

    At least the last half of `capacity` ids are remembered for at least half of `lifetime`
    seconds, and never more than `capacity` ids. Two generations of ids make forgetting cheap and
    give the memory of a busy hour back.
    """

    __slots__ = ("_capacity", "_lifetime", "_old", "_since", "_young")

    def __init__(self, capacity: int, lifetime: float) -> None:
        self._capacity = capacity
        self._lifetime = lifetime
        self._young: dict[bytes, Fate] = {}
        self._old: dict[bytes, Fate] = {}
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def add(self, key_id: bytes, fate: Fate, now: float) -> None:
        """Remember what became of the key."""
        self.forget(now)
        if 2 * len(self._young) >= self._capacity:
            self._turn(now)
        self._young[key_id] = fate

    def get(self, key_id: bytes) -> Fate | None:
        """Return what became of the key, if that is remembered."""
        return self._young.get(key_id) or self._old.get(key_id)

    def forget(self, now: float) -> None:
        """Drop what is old enough."""
        if 2 * (now - self._since) >= self._lifetime:
            self._turn(now)

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old = {}, {}

    def _turn(self, now: float) -> None:
        self._old, self._young = self._young, {}
        self._since = now
