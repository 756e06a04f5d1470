"""One key of a wire 2 channel and what it is used for."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from dynamicrypt.keys.cells import KeyCells
from dynamicrypt.keys.window import CounterWindow


class Mode(IntEnum):
    """How keys are spent (thesis, 4.3); the numbers are those of the API and of the envelope."""

    #: The key itself is handed to an application; nothing is sealed under it.
    DELIVERY = 0
    #: Fast: the newest key, again and again.
    FAST = 1
    #: Secure: one key, one message.
    SECURE = 2
    #: Fast secure: at most n messages under one key.
    COUNTED = 3
    #: Super secure: the message in pieces, each under a key of its own.
    SPLIT = 4
    #: One key for one body of any length, sealed in chunks.
    STREAM = 5


class Use(NamedTuple):
    """What the first use fixes for a key: its mode, for mode 3 the most messages, its cipher."""

    mode: int
    limit: int = 0
    suite: int = 0


#: The use of a key that has served for nothing yet.
UNUSED: Final = Use(-1)


class PoolKey:
    """A key and its book-keeping; the secret lies in a cell, known here by number only."""

    __slots__ = ("born", "cell", "key_id", "subkey", "use")

    def __init__(self, key_id: bytes, cell: int, born: float) -> None:
        #: 16 bytes, equal on both sides.
        self.key_id: Final = key_id
        #: When this side made the key, in seconds of its monotonic clock.
        self.born: Final = born
        #: Cell of the key itself, -1 once it is wiped.
        self.cell = cell
        #: Cell of the sub-key that the messages use, -1 while there is none.
        self.subkey = -1
        self.use = UNUSED

    def wipe(self, cells: KeyCells) -> None:
        """Overwrite all secrets of the key; doing it again does nothing."""
        if self.cell >= 0:
            cells.wipe(self.cell)
            self.cell = -1
        if self.subkey >= 0:
            cells.wipe(self.subkey)
            self.subkey = -1


class OwnKey(PoolKey):
    """A key that this side may send under."""

    __slots__ = ("counter", "order", "room", "taken", "until", "volume")

    def __init__(self, key_id: bytes, cell: int, born: float, order: int) -> None:
        super().__init__(key_id, cell, born)
        #: Place among the own keys, in the order in which they were made.
        self.order: Final = order
        #: When the first message was sealed under it.
        self.taken = born
        #: Until when it may serve without asking whether there is a better one.
        self.until = born
        #: Counter of the next message, and its bound: none is sealed where it is reached.
        self.counter = 0
        self.room = 1
        #: Bytes of plaintext sealed so far.
        self.volume = 0


class HeldKey(PoolKey):
    """A key that the partner may send under."""

    __slots__ = ("window",)

    def __init__(self, key_id: bytes, cell: int, born: float) -> None:
        super().__init__(key_id, cell, born)
        #: Counters that were opened; None until the first one.
        self.window: CounterWindow | None = None

    @property
    def used_up(self) -> bool:
        """Whether the messages that opened are all that the key may serve for."""
        mode, limit, _ = self.use
        if mode == Mode.COUNTED:
            return self.window is not None and self.window.marked == limit
        return mode not in {Mode.FAST, UNUSED.mode}

    def first_use(self, use: Use) -> CounterWindow:
        """Fix what the key is for and return its counters."""
        self.use = use
        self.window = CounterWindow()
        return self.window
