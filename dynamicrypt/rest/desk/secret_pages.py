"""Locked memory in pages, for texts of any length that come and go in any order."""

from __future__ import annotations

from array import array
from typing import Final, TypeAlias

from dynamicrypt._core import SecretMemory

#: Bytes of a page: the answer with a key, or with a plaintext of 70 bytes, takes one.
PAGE: Final = 128
#: Where a text is: the numbers of its pages, and its length.
Kept: TypeAlias = tuple["array[int]", int]


def pages_of(size: int) -> int:
    """How many pages so many bytes take."""
    return -(-size // PAGE)


class SecretPages:
    """`count` pages, 65 536 at most; the memory is made when it is first needed."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = array("H", range(count - 1, -1, -1))
        self._memory: SecretMemory | None = None

    def put(self, text: bytes) -> Kept:
        """Copy the text in; there must be pages enough."""
        if self._memory is None:
            self._memory = SecretMemory(self._count * PAGE)
        needed = pages_of(len(text))
        first = len(self._free) - needed
        pages = self._free[first:]
        del self._free[first:]
        to, source = memoryview(self._memory), memoryview(text)
        for at, page in enumerate(pages):
            part = source[at * PAGE : (at + 1) * PAGE]
            to[page * PAGE : page * PAGE + len(part)] = part
        return pages, len(text)

    def get(self, kept: Kept) -> bytes:
        """A copy of a text."""
        assert self._memory is not None
        source = memoryview(self._memory)
        pages, size = kept
        text = b"".join(source[page * PAGE : (page + 1) * PAGE] for page in pages)
        return text[:size]

    def wipe(self, kept: Kept) -> None:
        """Overwrite a text, and free its pages."""
        assert self._memory is not None
        to = memoryview(self._memory)
        for page in kept[0]:
            to[page * PAGE : (page + 1) * PAGE] = _EMPTY
        self._free += kept[0]


_EMPTY: Final = bytes(PAGE)
