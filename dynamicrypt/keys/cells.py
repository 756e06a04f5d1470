"""Cells of secret memory, one for each key of a store."""

from __future__ import annotations

from typing import Final

from dynamicrypt._core import SecretMemory
from dynamicrypt.errors import ParameterError, ProtocolStateError

#: Bytes of a key: AES-256, and the output of the key schedule.
KEY_BYTES: Final = 32


class KeyCells:
    """A fixed number of cells of `size` bytes each in one piece of SecretMemory.

    A cell is known by its index. `put` fills a free one, `wipe` overwrites and frees it. Views are
    for the moment of use only: they show whatever the cell holds later.
    """

    __slots__ = ("_free", "_memory", "_view", "_zeros", "size")

    def __init__(self, count: int, size: int = KEY_BYTES) -> None:
        if count < 1 or size < 1:
            raise ParameterError(f"{count} cells of {size} bytes: both must be at least 1")
        self.size: Final = size
        self._memory = SecretMemory(count * size)
        self._view = memoryview(self._memory)
        self._zeros = bytes(size)
        self._free = list(range(count - 1, -1, -1))

    @property
    def protection(self) -> str:
        """How the memory is protected, in the words of SecretMemory."""
        return self._memory.protection

    def put(self, secret: bytes | bytearray | memoryview) -> int:
        """Copy the secret into a free cell and return the cell.

        The source stays the caller's to wipe. Raises ParameterError for another length than
        `size` and ProtocolStateError when no cell is free.
        """
        if len(secret) != self.size:
            raise ParameterError(f"a cell takes {self.size} bytes, not {len(secret)}")
        if not self._free:
            raise ProtocolStateError("no cell is free")
        cell = self._free.pop()
        self._view[cell * self.size : (cell + 1) * self.size] = secret
        return cell

    def view(self, cell: int) -> memoryview:
        """Return the bytes of the cell, without a copy."""
        return self._view[cell * self.size : (cell + 1) * self.size]

    def wipe(self, cell: int) -> None:
        """Overwrite the cell with zeros and free it."""
        self._view[cell * self.size : (cell + 1) * self.size] = self._zeros
        self._free.append(cell)

    def wipe_all(self) -> None:
        """Overwrite and free every cell."""
        self._memory.wipe()
        self._free = list(range(len(self._memory) // self.size - 1, -1, -1))
