"""Buffers that the channels of a node share."""

from __future__ import annotations

from typing import Final

from dynamicrypt._core import SecretMemory
from dynamicrypt.keys.schedule import PROBE_HEADER_BYTES

_BLOCK: Final = 16


class Scratch:
    """Buffers that are in use during a call only, and so shareable.

    `counters` and `inputs` of a round are public; `message`, what a probe is made of, is secret,
    and zeros between the calls.
    """

    __slots__ = ("_memory", "counters", "inputs", "message")

    def __init__(self) -> None:
        self.counters = memoryview(bytearray())
        self.inputs = memoryview(bytearray())
        self._memory = SecretMemory(PROBE_HEADER_BYTES)
        self.message = memoryview(self._memory)

    def reserve(self, inputs: int, weights: int) -> None:
        """Make room for so many bytes of inputs, and for the weights of a machine."""
        if len(self.counters) < inputs:
            self.counters = memoryview(bytearray(inputs))
            # The cipher asks for a block more than it writes.
            self.inputs = memoryview(bytearray(inputs + _BLOCK - 1))
        if len(self.message) < PROBE_HEADER_BYTES + weights:
            self._memory = SecretMemory(PROBE_HEADER_BYTES + weights)
            self.message = memoryview(self._memory)

    def wipe(self) -> None:
        """Overwrite what is secret."""
        self._memory.wipe()
