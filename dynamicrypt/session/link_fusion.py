"""Fusion: the weights of m machines that passed, in their order, make one key."""

from __future__ import annotations

from typing import Final, NamedTuple

from dynamicrypt._core import SecretMemory
from dynamicrypt.keys.schedule import SECRET_BYTES, ChannelKeys
from dynamicrypt.params import ExchangeParameters


class Made(NamedTuple):
    """A key that was just derived."""

    number: int
    id: bytes
    key: bytearray


class Fusion:
    """Collects weights and derives keys 0, 1, 2, ... of a channel."""

    __slots__ = ("_filled", "_group", "_places", "_size", "number")

    def __init__(self, parameters: ExchangeParameters) -> None:
        #: The number of the next key.
        self.number = 0
        self._size: Final = parameters.machine.weights
        self._places: Final = parameters.fusion
        self._filled = 0
        # Of a single machine the weights need no place of their own.
        self._group = SecretMemory(self._size * self._places) if self._places > 1 else None

    def absorb(self, weights: memoryview, keys: ChannelKeys) -> Made | None:
        """Add a machine; return the key if it fills the group."""
        if self._group is None:
            return self._make(weights, keys)
        group = memoryview(self._group)
        group[self._filled * self._size : (self._filled + 1) * self._size] = weights
        self._filled += 1
        if self._filled < self._places:
            return None
        made = self._make(group, keys)
        self.discard()
        return made

    def discard(self) -> None:
        """Forget a part-filled group."""
        self._filled = 0
        if self._group is not None:
            self._group.wipe()

    def _make(self, weights: memoryview, keys: ChannelKeys) -> Made:
        number = self.number
        self.number += 1
        key_id = keys.key_id(number)
        key = bytearray(SECRET_BYTES)
        keys.derive_into(weights, number, key_id, key)
        return Made(number, key_id, key)
