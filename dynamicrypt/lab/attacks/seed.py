"""The seed search: the 2019 program draws its secrets from glibc's rand() with a 32-bit seed.

Its first public vector comes from the same numbers as its weights, so the vector names the seed
and the seed names the weights. From there on everything it sends is predictable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from dynamicrypt._core import glibc_numbers, glibc_search
from dynamicrypt.errors import ParameterError
from dynamicrypt.params import THESIS

#: Seeds that srand() tells apart, but for 0 and 1.
SEEDS: Final = 1 << 32
#: Seeds of one call of the core: short enough for a progress bar.
SLICE: Final = 1 << 24


def first_weights(seed: int) -> list[int]:
    """The weights that the program draws first: 4 - rand() mod 9, 72 of them."""
    return [4 - number % 9 for number in glibc_numbers(seed, 0, THESIS.weights)]


def first_vector(seed: int) -> list[int]:
    """The vector that it draws after them: rand() mod 2, with -1 for 0."""
    return [1 if number % 2 else -1 for number in glibc_numbers(seed, THESIS.weights, 72)]


def find_seeds(
    vector: Sequence[int],
    *,
    seeds: range = range(SEEDS),
    drawn: int = THESIS.weights,
    progress: Callable[[int], object] = lambda _: None,
) -> list[int]:
    """The seeds whose numbers make this vector of -1 and +1 after `drawn` others.

    `progress` is told how many seeds more are done. A vector of 72 fits one seed, or 0 and 1, which
    are the same to glibc. Raises ParameterError for a vector shorter than 32 or other values.
    """
    if len(vector) < 32 or set(vector) - {-1, 1}:
        raise ParameterError("vector has to hold 32 values or more, each -1 or +1")
    if seeds.step != 1 or seeds.start < 0 or seeds.stop > SEEDS:
        raise ParameterError(f"seeds has to be a range within 0..{SEEDS}")
    odd = bytes(value > 0 for value in vector)
    found: list[int] = []
    for start in range(seeds.start, seeds.stop, SLICE):
        size = min(SLICE, seeds.stop - start)
        found += glibc_search(start, size, drawn, odd)
        progress(size)
    return found
