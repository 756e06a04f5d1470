"""Cells of secret memory, one for each key of a store."""

from __future__ import annotations

from typing import Final

from dynamicrypt._core import SecretMemory
from dynamicrypt.errors import ParameterError

#: Bytes of a key: AES-256, and the output of the key schedule.
KEY_BYTES: Final = 32
#: Locked memory comes in pages of the processor; less would waste the rest of one.
_PAGE_BYTES: Final = 4096
_CELLS: Final = _PAGE_BYTES // KEY_BYTES
_ZEROS: Final = bytes(KEY_BYTES)


class _Page:
    """One page of cells and the numbers of its free ones."""

    __slots__ = ("free", "memory", "view")

    def __init__(self) -> None:
        self.memory = SecretMemory(_PAGE_BYTES)
        self.view = memoryview(self.memory)
        self.free = list(range(_CELLS - 1, -1, -1))


class KeyCells:
    """Cells of 32 bytes in pages of SecretMemory; pages come and go with the need for them.

    A cell is known by a number. `put` fills a free one, `wipe` overwrites and frees it. Views are
    for the moment of use only: they show whatever the cell holds later. Several stores may share
    one KeyCells, which saves the part-filled page of each.
    """

    __slots__ = ("_open", "_pages", "_unused")

    def __init__(self) -> None:
        self._pages: dict[int, _Page] = {}
        #: Pages with a free cell; the last is filled first.
        self._open: list[int] = []
        #: Numbers of pages that were given back.
        self._unused: list[int] = []

    def __len__(self) -> int:
        """Return how many cells hold a key."""
        return sum(_CELLS - len(page.free) for page in self._pages.values())

    @property
    def protection(self) -> str | None:
        """The weakest protection of a page, in the words of SecretMemory; None without any page."""
        levels = {page.memory.protection for page in self._pages.values()}
        return next((level for level in ("plain", "locked", "secret") if level in levels), None)

    def put(self, key: bytes | bytearray | memoryview) -> int:
        """Copy the key into a free cell and return the cell's number.

        The source stays the caller's to wipe. Raises ParameterError unless it has 32 bytes.
        """
        if len(key) != KEY_BYTES:
            raise ParameterError(f"a cell takes {KEY_BYTES} bytes, not {len(key)}")
        if not self._open:
            number = self._unused.pop() if self._unused else len(self._pages)
            self._pages[number] = _Page()
            self._open.append(number)
        number = self._open[-1]
        page = self._pages[number]
        place = page.free.pop()
        if not page.free:
            self._open.pop()
        start = place * KEY_BYTES
        page.view[start : start + KEY_BYTES] = key
        return number * _CELLS + place

    def view(self, cell: int) -> memoryview:
        """Return the bytes of the cell, without a copy."""
        start = cell % _CELLS * KEY_BYTES
        return self._pages[cell // _CELLS].view[start : start + KEY_BYTES]

    def wipe(self, cell: int) -> None:
        """Overwrite the cell with zeros and free it."""
        number, place = divmod(cell, _CELLS)
        page = self._pages[number]
        start = place * KEY_BYTES
        page.view[start : start + KEY_BYTES] = _ZEROS
        if not page.free:
            self._open.append(number)
        page.free.append(place)
        # The last open page stays, so that one key coming and going does not map and unmap.
        if len(page.free) == _CELLS and len(self._open) > 1:
            self._open.remove(number)
            self._unused.append(number)
            del self._pages[number]
