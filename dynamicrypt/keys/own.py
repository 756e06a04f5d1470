"""The own half of a channel's keys: those that this side may send under."""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict, deque
from operator import attrgetter
from typing import Final

from dynamicrypt.errors import NoKeyYetError
from dynamicrypt.keys.cells import KeyCells
from dynamicrypt.keys.limits import MAX_MESSAGES, StoreLimits
from dynamicrypt.keys.pool_key import Mode, OwnKey, Use

#: Keys in use for many messages at once: modes 1 and 3, the latter for several numbers n.
_MAX_CURRENT: Final = 16


class OwnHalf:
    """Own keys: offered until the partner confirms them, then free, then used or expired.

    The owner drops what it will not use without a word, so it must never use what the holder may
    have dropped: it takes only keys that are younger than `lifetime` and at most `high` plus half
    of `late` own keys behind the newest one, while the holder keeps more for longer.
    """

    __slots__ = ("_cells", "_current", "_free", "_limits", "_made", "_offered", "eldest")

    def __init__(self, limits: StoreLimits, cells: KeyCells) -> None:
        self._limits = limits
        self._cells = cells
        self._made = 0
        self._offered: OrderedDict[bytes, OwnKey] = OrderedDict()
        #: Oldest first.
        self._free: deque[OwnKey] = deque()
        self._current: dict[Use, OwnKey] = {}
        #: When the oldest of the keys was made that `take` or `share` gave out last. Who takes
        #: several one by one for one purpose makes it the least of all.
        self.eldest = 0.0

    @property
    def opens_until(self) -> float:
        """Until when the partner opens, at least, what is sealed under the keys taken last.

        On this side's clock. The holder keeps a key for `held_time` from its own making of it, and
        made it at most `dead_peer` before this side did, or the link would have been given up.
        """
        return self.eldest + self._limits.lifetime + self._limits.late_time

    @property
    def offered(self) -> int:
        """How many keys wait for the partner's confirmation."""
        return len(self._offered)

    @property
    def free(self) -> int:
        """How many keys are ready and unused."""
        return len(self._free)

    @property
    def in_use(self) -> int:
        """How many keys serve messages of modes 1 and 3."""
        return len(self._current)

    @property
    def oldest(self) -> float | None:
        """When the oldest free key was made; None without a free key."""
        return self._free[0].born if self._free else None

    def __contains__(self, key_id: bytes) -> bool:
        """Tell whether the key waits for its confirmation."""
        return key_id in self._offered

    def add(self, key_id: bytes, key: bytes | bytearray | memoryview, now: float) -> None:
        """Take a key that was just made; it waits for `confirm`."""
        if len(self._offered) >= self._limits.late:
            self._withdraw_oldest()
        own = OwnKey(key_id, self._cells.put(key), now, self._made)
        self._made += 1
        self._offered[key_id] = own

    def confirm(self, key_id: bytes) -> bool:
        """Make a key free, because the partner holds it; False for one that does not wait."""
        own = self._offered.pop(key_id, None)
        if own is None:
            return False
        # A partner may confirm in any order; what expires first is to be in front nevertheless.
        insort(self._free, own, key=attrgetter("order"))
        if len(self._free) > self._limits.high:
            self._free.popleft().wipe(self._cells)
        return True

    def discard(self, key_id: bytes) -> None:
        """Wipe a key that the partner turned out not to hold; nothing for an unknown one."""
        own = self._offered.pop(key_id, None)
        if own is None:
            own = next((free for free in self._free if free.key_id == key_id), None)
            if own is None:
                return
            self._free.remove(own)
        own.wipe(self._cells)

    def take(self, use: Use, number: int, now: float) -> list[OwnKey]:
        """Take the oldest free keys, each for one message; the caller wipes them.

        Raises NoKeyYetError, and takes none, where there are fewer than `number`.
        """
        self.expire(now)
        if len(self._free) < number:
            raise NoKeyYetError(f"{len(self._free)} keys are ready, {number} are needed")
        taken = [self._free.popleft() for _ in range(number)]
        for own in taken:
            own.use = use
        self.eldest = taken[0].born
        return taken

    def share(self, use: Use, now: float) -> OwnKey:
        """Return the key of a mode in which keys serve many messages: the newest free one.

        It serves until a newer one is free or its limits are reached. Raises NoKeyYetError.
        """
        own = self._current.get(use)
        if own is not None and now < own.until and own.counter < own.room:
            self.eldest = own.born
            return own
        self.expire(now)
        if own is not None and not self._usable(own, now):
            self._retire(use)
            own = None
        if own is not None:
            overdue = now >= own.taken + self._limits.reuse
            if not self._free or (self._free[-1].order < own.order and not overdue):
                self.eldest = own.born
                return own
            self._retire(use)
        if not self._free:
            raise NoKeyYetError("no key is ready")
        if len(self._current) >= _MAX_CURRENT:
            self._retire(min(self._current, key=lambda other: self._current[other].taken))
        own = self._free.pop()
        own.use = use
        own.taken = now
        own.until = min(now + self._limits.settle, own.born + self._limits.lifetime)
        own.room = use.limit if use.mode == Mode.COUNTED else MAX_MESSAGES
        self._current[use] = own
        self.eldest = own.born
        return own

    def expire(self, now: float) -> None:
        """Wipe the keys whose time is over or that the holder may soon drop."""
        limits = self._limits
        last_birth = now - limits.lifetime
        last_order = self._made - limits.high - limits.late // 2
        free = self._free
        while free and (free[0].born <= last_birth or free[0].order < last_order):
            free.popleft().wipe(self._cells)
        last_offer = now - limits.dead_peer
        while self._offered and next(iter(self._offered.values())).born <= last_offer:
            self._withdraw_oldest()

    def expire_current(self, now: float) -> None:
        """Wipe the keys of modes 1 and 3 whose limits are reached."""
        for use, own in list(self._current.items()):
            if not self._usable(own, now):
                self._retire(use)

    def erase(self) -> None:
        """Wipe every key."""
        while self._offered:
            self._withdraw_oldest()
        while self._free:
            self._free.pop().wipe(self._cells)
        for use in list(self._current):
            self._retire(use)

    def _withdraw_oldest(self) -> None:
        self._offered.popitem(last=False)[1].wipe(self._cells)

    def _usable(self, own: OwnKey, now: float) -> bool:
        return (
            now < own.born + self._limits.lifetime
            and own.order >= self._made - self._limits.high - self._limits.late // 2
            and own.counter < own.room
        )

    def _retire(self, use: Use) -> None:
        self._current.pop(use).wipe(self._cells)
