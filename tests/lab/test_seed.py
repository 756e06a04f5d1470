"""The seed search against what the 2019 program does (facts of its source; glibc's own rand)."""

from __future__ import annotations

import ctypes

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt._core import glibc_numbers
from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.attacks.seed import find_seeds, first_vector, first_weights
from dynamicrypt.params import THESIS
from dynamicrypt.tpm.reference import Machine

SEEDS = (0, 2, 64, 128, 12345, 0x7FFFFFFF, 0x80000000, 3_000_000_000, 0xFFFFFFFF)


class NumbersTests(SynchronousTestCase):
    def test_numbers_are_those_of_the_c_library(self) -> None:
        library = ctypes.CDLL(None)
        for seed in SEEDS:
            library.srand(ctypes.c_uint(seed))
            expected = [library.rand() for _ in range(500)]
            self.assertEqual(glibc_numbers(seed, 0, 500), expected)
            self.assertEqual(glibc_numbers(seed, 444, 56), expected[444:])


class SeedTests(SynchronousTestCase):
    def test_a_vector_names_its_seed(self) -> None:
        for seed in SEEDS[1:]:
            for before in (100_000, 33, 0):
                near = range(max(seed - before, 2), min(seed + 100_000, 1 << 32))
                self.assertEqual(find_seeds(first_vector(seed), seeds=near), [seed])

    def test_seeds_nought_and_one_are_the_same(self) -> None:
        self.assertEqual(find_seeds(first_vector(0), seeds=range(1000)), [0, 1])

    def test_a_vector_of_other_numbers_names_none(self) -> None:
        self.assertEqual(find_seeds([1, -1] * 36, seeds=range(200_000)), [])

    def test_the_seed_gives_the_key_of_a_recorded_exchange(self) -> None:
        """Two programs synchronise; the listener knows the vectors, the outputs and one seed."""
        seeds = 1_558_000_123, 1_558_000_456
        numbers = [glibc_numbers(seed, 72, 72 * 4000) for seed in seeds]
        a, b = (Machine(THESIS, first_weights(seed)) for seed in seeds)
        thief = None
        for step in range(4000):
            own = numbers[step % 2][step // 2 * 72 :][:72]
            x = [1 if number % 2 else -1 for number in own]
            if thief is None:
                found = find_seeds(x, seeds=range(seeds[0] - 50_000, seeds[0] + 50_000))
                thief = Machine(THESIS, first_weights(found[0]))
            outputs = a.evaluate(x), b.evaluate(x)
            if outputs[0] == outputs[1]:
                for each in (a, b, thief):
                    each.learn(x, outputs[0])
            if a.weights == b.weights:
                break
        self.assertEqual(a.weights, b.weights)
        assert thief is not None
        self.assertEqual(thief.weights, a.weights)

    def test_refuses_what_is_no_vector(self) -> None:
        for vector, seeds in (([1] * 31, range(9)), ([1, 0] * 36, range(9))):
            with self.assertRaises(ParameterError):
                find_seeds(vector, seeds=seeds)
        with self.assertRaises(ParameterError):
            find_seeds([1] * 72, seeds=range(1 << 33))
