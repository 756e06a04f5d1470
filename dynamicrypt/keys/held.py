"""The partner's half of a channel's keys: those that this side opens messages under."""

from __future__ import annotations

from collections import OrderedDict

from dynamicrypt.errors import KeyExpiredError, KeyUsedError, UnknownKeyError
from dynamicrypt.keys.cells import KeyCells
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.pool_key import HeldKey
from dynamicrypt.keys.tombstones import Fate, Tombstones


class HeldHalf:
    """Keys of the partner, and what became of those that are gone.

    A key is held from its birth until it is used up, for `held_time` at most, and until `high`
    plus `late` newer ones are held.
    """

    __slots__ = ("_cells", "_gone", "_keys", "_limits")

    def __init__(self, limits: StoreLimits, cells: KeyCells) -> None:
        self._limits = limits
        self._cells = cells
        self._keys: OrderedDict[bytes, HeldKey] = OrderedDict()
        self._gone = Tombstones(limits.remembered, 2 * limits.held_time, limits.gaps)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key_id: bytes) -> bool:
        return key_id in self._keys or self._gone.get(key_id) is not None

    def add(self, key_id: bytes, key: bytes | bytearray | memoryview, now: float) -> None:
        """Take a key that was just made."""
        if len(self._keys) >= self._limits.high + self._limits.late:
            self._end(next(iter(self._keys)), Fate.EXPIRED, now)
        self._keys[key_id] = HeldKey(key_id, self._cells.put(key), now)

    def find(self, key_id: bytes, now: float, counter: int | None = None) -> HeldKey:
        """Return the key, for the message with this `counter` or to hand the key itself out.

        Raises KeyUsedError or KeyExpiredError where that is remembered of it, UnknownKeyError
        otherwise. A message that was opened before its key expired is KeyUsedError. The error tells
        what the key was used for: not every KeyUsedError is a replay.
        """
        held = self._keys.get(key_id)
        if held is not None and not self._over(held, now):
            return held
        self.expire(now)
        match self._gone.get(key_id, counter):
            case Fate.OPENED if counter is None:
                raise KeyUsedError("the key has served for messages")
            case Fate.OPENED:
                raise KeyUsedError("it was opened before, and its key is used up")
            case Fate.DELIVERED if counter is None:
                raise KeyUsedError("the key was handed out before: each side gets it once")
            case Fate.DELIVERED:
                raise KeyUsedError(
                    "the key was handed to an application of this side, so nothing opens under it"
                )
            case Fate.EXPIRED:
                raise KeyExpiredError("the key is too old")
            case _:
                raise UnknownKeyError("no key of the partner's with this id is known here")

    def spend(self, held: HeldKey, now: float, fate: Fate = Fate.OPENED) -> None:
        """Wipe a key that served for all that it may; nothing for one that is gone meanwhile."""
        if self._keys.get(held.key_id) is held:
            self._end(held.key_id, fate, now)

    def discard(self, key_id: bytes) -> None:
        """Wipe a key that the partner does not have."""
        held = self._keys.pop(key_id, None)
        if held is not None:
            held.wipe(self._cells)

    def expire(self, now: float) -> None:
        """Wipe the keys whose time is over."""
        while self._keys:
            held = next(iter(self._keys.values()))
            if not self._over(held, now):
                break
            self._end(held.key_id, Fate.EXPIRED, now)
        self._gone.forget(now)

    def erase(self) -> None:
        """Wipe every key and forget those that are gone."""
        for key_id in list(self._keys):
            self.discard(key_id)
        self._gone.clear()

    def _over(self, held: HeldKey, now: float) -> bool:
        return now >= held.born + self._limits.held_time

    def _end(self, key_id: bytes, fate: Fate, now: float) -> None:
        held = self._keys.pop(key_id)
        held.wipe(self._cells)
        self._gone.add(key_id, fate, now, held.window if fate is Fate.EXPIRED else None)
