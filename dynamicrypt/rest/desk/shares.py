"""Who holds how much of a bounded memory, so that nobody fills it at the cost of others."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeAlias

#: A caller, and the name of one of its entries.
Place: TypeAlias = tuple[str, bytes]


class _Holding:
    """What one caller holds."""

    __slots__ = ("sizes", "total")

    def __init__(self) -> None:
        self.total = 0
        #: By order of magnitude: how much all entries of it cost, and each, oldest first.
        self.sizes: dict[int, tuple[int, OrderedDict[bytes, int]]] = {}

    def add(self, name: bytes, cost: int) -> None:
        total, entries = self.sizes.get(cost.bit_length()) or (0, OrderedDict())
        entries[name] = cost
        self.sizes[cost.bit_length()] = total + cost, entries
        self.total += cost

    def remove(self, name: bytes, cost: int) -> None:
        total, entries = self.sizes.pop(cost.bit_length())
        del entries[name]
        if entries:
            self.sizes[cost.bit_length()] = total - cost, entries
        self.total -= cost

    @property
    def first(self) -> bytes:
        """The oldest of the size that takes most: a few large entries push out no small ones."""
        _, entries = max(self.sizes.values(), key=lambda size: size[0])
        return next(iter(entries))


_NOTHING: Final = _Holding()


class Shares:
    """The entries of all callers, each with what it costs of `size`.

    Who holds most makes room. Callers are compared by orders of magnitude, to the base of two: so
    nobody loses anything who holds less than half of what another holds, and finding who has to
    costs the same however many callers and entries there are.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._holdings: dict[str, _Holding] = {}
        #: Callers by the order of magnitude of what they hold, in the order in which they came to.
        self._levels: Final = [OrderedDict[str, None]() for _ in range(size.bit_length() + 1)]

    def fits(self, cost: int) -> bool:
        """Whether there is room for so much."""
        return cost <= self._free

    def victim(self, caller: str, cost: int) -> Place | None:
        """Whose entry has to go first if the caller is to add one of this cost.

        None where the caller would hold most, and what it holds now would not make room enough:
        then the new one finds none, and nothing goes in vain.
        """
        own = self._holdings.get(caller, _NOTHING)
        wanted = (own.total + cost).bit_length()
        level = next((level for level in reversed(self._levels[wanted:]) if level), None)
        if level is not None:
            caller = next(iter(level))
        elif self._free + own.total < cost:
            return None
        return caller, self._holdings[caller].first

    def add(self, place: Place, cost: int) -> None:
        """Enter what there is room for, under a name that is not in use."""
        caller, name = place
        self._free -= cost
        holding = self._holdings.setdefault(caller, _Holding())
        before = holding.total
        holding.add(name, cost)
        self._rank(caller, before, holding.total)

    def remove(self, place: Place, cost: int) -> None:
        """Take an entry out; `cost` is what it was entered with."""
        caller, name = place
        self._free += cost
        holding = self._holdings[caller]
        before = holding.total
        holding.remove(name, cost)
        self._rank(caller, before, holding.total)
        if not holding.sizes:
            del self._holdings[caller]

    def _rank(self, caller: str, before: int, after: int) -> None:
        if before.bit_length() != after.bit_length():
            self._levels[before.bit_length()].pop(caller, None)
            if after:
                self._levels[after.bit_length()][caller] = None
