"""Queries that are chosen in all lanes at once, held against the definition (Ruttor 2006, 5.1)."""

from __future__ import annotations

from itertools import product
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt._core import Lockstep, lane_instruction_sets

LANES = 512
RANDOM_WALK = 2


def pairs(N: int, L: int, instruction_set: str, *, alpha: float = 0.4, K: int = 2) -> Lockstep:
    group = Lockstep(
        K, N, L, RANDOM_WALK, 11, N, instruction_set=instruction_set, field=alpha * L * N**0.5
    )
    group.fill()
    return group


def asked(group: Lockstep, N: int, asker: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Weights of the partner that asks and its inputs, with the shape (unit, N)."""
    weights, inputs = (
        np.frombuffer(b"".join(row), np.int8).reshape(-1, N)
        for row in (
            [group.weights(asker, lane) for lane in range(LANES)],
            [group.inputs(0, False, lane) for lane in range(LANES)],
        )
    )
    return weights, inputs


def possible_counts(sizes: list[int], L: int, field: float) -> set[tuple[int, ...]]:
    """Every way to round: how many weights of size L, ..., 1 may get an input of their own sign."""
    found = set()
    for sign, *coins in product((-1, 1), *[(0, 1)] * L):
        rest = sign * field
        counts = []
        for size, down in zip(range(L, 0, -1), coins, strict=True):
            share = rest / (2 * size)
            number = (
                floor((sizes[size] + 1) / 2 + share)
                if down
                else ceil((sizes[size] - 1) / 2 + share)
            )
            counts.append(max(0, min(sizes[size], number)))
            rest -= size * (2 * counts[-1] - sizes[size])
        found.add(tuple(counts))
    return found


class QueryTests(SynchronousTestCase):
    def test_as_many_weights_of_each_size_are_aligned_as_the_definition_allows(self) -> None:
        for name in lane_instruction_sets():
            for N, L in ((9, 1), (16, 4), (100, 3), (130, 2)):
                group = pairs(N, L, name)
                group.advance()
                for w, x in list(zip(*asked(group, N, 0), strict=True))[::50]:
                    sizes = [int((abs(w) == size).sum()) for size in range(L + 1)]
                    counts = tuple(
                        int(((abs(w) == size) & (x * w > 0)).sum()) for size in range(L, 0, -1)
                    )
                    self.assertIn(counts, possible_counts(sizes, L, 0.4 * L * N**0.5))

    def test_every_weight_of_a_size_has_the_same_chance(self) -> None:
        N, L = 20, 3
        group = pairs(N, L, lane_instruction_sets()[0], alpha=0.8)
        surplus, variance = np.zeros((L + 1, N)), np.zeros((L + 1, N))
        for step in range(60):
            group.advance()
            weights, inputs = asked(group, N, step % 2)
            for size in range(L + 1):
                here = abs(weights) == size
                aligned = here & ((inputs > 0) if size == 0 else (inputs * weights > 0))
                # Ones at weights of 0 have a chance of their own, one half.
                chance = (
                    np.full((len(weights), 1), 0.5)
                    if size == 0
                    else aligned.sum(axis=1, keepdims=True)
                    / np.maximum(here.sum(axis=1, keepdims=True), 1)
                )
                surplus[size] += (aligned - chance * here).sum(axis=0)
                variance[size] += (chance * (1 - chance) * here).sum(axis=0)
        # 80 sums of about 10 000 weights each.
        self.assertLess(float(np.abs(surplus / np.sqrt(variance)).max()), 4.5)

    def test_every_instruction_set_asks_the_same(self) -> None:
        for N, L in ((100, 3), (130, 40), (1030, 2)):
            found = []
            for name in lane_instruction_sets():
                group = pairs(N, L, name, K=1)
                for _ in range(3):
                    group.advance()
                found.append(
                    [
                        asked(group, N, which)[place].tobytes()
                        for which, place in ((0, 0), (1, 0), (0, 1))
                    ]
                )
            for other in found:
                self.assertEqual(other, found[0])
