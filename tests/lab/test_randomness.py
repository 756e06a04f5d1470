"""Tests of randomness, on data that pass and on data that must fail. Seeds are fixed."""

from __future__ import annotations

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.randomness import (
    HELPING,
    chi_square,
    fips_140_2,
    keys,
    markov,
    most_common_value,
    serial_correlation,
    t_tuple,
)
from tests.lab.small import exchange


class FipsTests(SynchronousTestCase):
    def test_random_blocks_pass(self) -> None:
        random = np.random.default_rng(1)
        # About one block in 1250 fails by chance.
        self.assertEqual([fips_140_2(random.bytes(2500)) for _ in range(40)], [[]] * 40)

    def test_faults_fail_by_name(self) -> None:
        random = np.random.default_rng(2)
        self.assertIn("monobit", fips_140_2(np.packbits(random.random(20_000) < 0.53).tobytes()))
        self.assertIn("poker", fips_140_2(bytes(2500)))
        self.assertIn("runs", fips_140_2(b"\x55" * 2500))
        block = bytearray(random.bytes(2500))
        block[100:104] = b"\xff" * 4
        self.assertEqual(fips_140_2(bytes(block)), ["long run"])

    def test_other_lengths_are_refused(self) -> None:
        with self.assertRaises(ValueError):
            fips_140_2(bytes(2499))


class EstimateTests(SynchronousTestCase):
    def test_chi_square_has_its_distribution(self) -> None:
        random = np.random.default_rng(3)
        shares = [chi_square(random.bytes(20_000))[1] for _ in range(400)]
        # Uniform: the mean of 400 has a standard error of .0144.
        self.assertLess(abs(float(np.mean(shares)) - 0.5), 0.07)
        self.assertLess(chi_square(bytes(5000))[1], 1e-9)

    def test_serial_correlation_sees_steps(self) -> None:
        self.assertLess(abs(serial_correlation(np.random.default_rng(4).bytes(20_000))), 0.04)
        self.assertGreater(serial_correlation(bytes(range(256)) * 20), 0.9)

    def test_most_common_value_bounds_the_entropy_of_a_weight(self) -> None:
        weights = np.random.default_rng(5).integers(-3, 4, 100_000).astype(np.int8)
        bits = most_common_value(weights)
        self.assertLess(bits, np.log2(7))
        self.assertGreater(bits, np.log2(7) - 0.05)

    def test_t_tuples_see_what_follows_what(self) -> None:
        random = np.random.default_rng(7)
        fair = random.integers(-3, 4, 100_000).astype(np.int8)
        self.assertLess(t_tuple(fair), np.log2(7))
        self.assertGreater(t_tuple(fair), np.log2(7) - 0.3)
        # Every symbol comes twice: two have the entropy of one.
        doubled = np.repeat(fair, 2)
        self.assertGreater(most_common_value(doubled), np.log2(7) - 0.05)
        self.assertLess(t_tuple(doubled), 0.7 * np.log2(7))
        self.assertEqual(t_tuple(np.zeros(1000, np.int8)), 0)

    def test_estimates_need_something_to_count(self) -> None:
        for estimate, symbols in ((most_common_value, 1), (t_tuple, 34)):
            with self.assertRaises(ExperimentError):
                estimate(np.zeros(symbols, np.int8))

    def test_markov_sees_what_follows_what(self) -> None:
        random = np.random.default_rng(6)
        self.assertGreater(markov(random.integers(0, 2, 100_000).astype(np.uint8)), 0.97)
        sticky = np.cumsum(random.random(100_000) < 0.1).astype(np.uint8) % 2
        self.assertLess(abs(markov(sticky) + np.log2(0.9)), 0.02)
        self.assertLess(markov(np.tile(np.array([0, 1], np.uint8), 1000)), 0.02)


class KeyTests(SynchronousTestCase):
    def test_derived_keys_pass(self) -> None:
        data = keys(exchange(3, 16, 2), 25_000, seed=1)
        self.assertEqual(len(data), 25_000)
        failed = [fips_140_2(data[i : i + 2500]) for i in range(0, 25_000, 2500)]
        self.assertEqual(failed, [[]] * 10)
        self.assertGreater(chi_square(data)[1], 1e-6)

    def test_seeds_share_no_pairs(self) -> None:
        # A weight or two would be alike by chance; hashes of 48 weights of -2..2 are not.
        seen: set[bytes] = set()
        for seed in (0, 1, 2, 2049):
            data = keys(exchange(3, 16, 2), 3 * 32 * HELPING, seed=seed)
            seen.update(data[i : i + 32] for i in range(0, len(data), 32))
        self.assertEqual(len(seen), 4 * 3 * HELPING)

    def test_a_seed_gives_the_same_keys(self) -> None:
        first, second = (keys(exchange(3, 16, 1), 40 * HELPING, seed=5) for _ in range(2))
        self.assertEqual(first, second)
