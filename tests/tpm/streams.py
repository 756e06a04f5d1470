"""Reproducible bytes in place of the system's randomness."""

from __future__ import annotations

from random import Random


class Stream:
    """A `fill` whose bytes depend on the seed alone, however they are asked for."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._stock = memoryview(b"")

    def __call__(self, buffer: memoryview) -> None:
        while buffer:
            self._stock = self._stock or memoryview(self._random.randbytes(4096))
            size = min(len(buffer), len(self._stock))
            buffer[:size] = self._stock[:size]
            buffer, self._stock = buffer[size:], self._stock[size:]


class BreakableStream(Stream):
    """A stream that fails while it is `broken`."""

    broken = False

    def __call__(self, buffer: memoryview) -> None:
        if self.broken:
            raise OSError("no randomness")
        super().__call__(buffer)


def signs(random: Random, count: int) -> list[int]:
    """Random inputs."""
    return [random.choice((-1, 1)) for _ in range(count)]


def signed_bytes(values: list[int]) -> bytes:
    """Weights or inputs as the core takes them."""
    return bytes(value % 256 for value in values)
