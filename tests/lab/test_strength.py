"""The keys that count for the strength of an exchange."""

from __future__ import annotations

from math import inf, log2

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.lab.attacks import Particle, Probabilistic, Simple
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.experiment import attack
from dynamicrypt.lab.outcome import Outcome
from dynamicrypt.lab.strength import LARGEST_PACKAGE, TELLING, Cost, cost_of, fits
from tests.lab.small import exchange


def cost(won: list[int]) -> Cost:
    """Of a thousand keys with as many steps as their number; the keys of these numbers fell."""
    matched = np.zeros(1010, np.int32)
    matched[won] = 6
    return cost_of(
        Simple(),
        Outcome(
            weights=6,
            steps=np.concatenate([np.arange(1000), np.full(10, -1)]),
            matched=matched,
            work=np.full(1010, 64, np.int64),
        ),
    )


class EasiestKeysTests(SynchronousTestCase):
    def test_tenths_are_of_the_keys_that_are_kept(self) -> None:
        found = cost([])
        self.assertEqual((found.every.runs, found.slow.runs, found.quick.runs), (1000, 100, 100))
        self.assertEqual(found.strength(), inf)
        self.assertGreater(found.least(), 6 + log2(200))

    def test_a_tenth_counts_where_it_is_the_easiest(self) -> None:
        for start in (0, 900):
            found = cost(list(range(start, start + 20)))
            self.assertAlmostEqual(found.strength(), log2(64 * 100 / 20))
            self.assertLess(found.least(), found.strength())
            self.assertAlmostEqual(found.strength(16), found.strength() + 4)

    def test_few_successes_do_not_tell_a_tenth_from_the_others(self) -> None:
        found = cost(list(range(TELLING - 1)))
        self.assertAlmostEqual(found.strength(), log2(64 * 1000 / (TELLING - 1)))

    def test_pairs_that_were_equal_from_the_start_cost_one_step(self) -> None:
        nothing = np.zeros(20, np.int64)
        equal = Outcome(weights=1, steps=nothing, matched=np.ones(20, np.int32), work=nothing)
        found = cost_of(Simple(), equal)
        self.assertEqual((found.strength(), found.strength(4), found.least()), (0, 2, 0))

    def test_a_tenth_that_is_harder_does_not_count(self) -> None:
        found = cost([*range(15), *range(200, 600)])
        self.assertAlmostEqual(found.strength(), log2(64 * 1000 / 415))


class FittingTests(SynchronousTestCase):
    def test_packages_that_an_attack_cannot_hear_leave_it_out(self) -> None:
        fitting = exchange(2, 3, 1, package=LARGEST_PACKAGE)
        large = exchange(2, 3, 1, package=LARGEST_PACKAGE + 1)
        for deaf in (Particle(), Probabilistic()):
            self.assertTrue(fits(deaf, fitting))
            self.assertEqual(attack(deaf, fitting, 1).runs, 1)
            self.assertFalse(fits(deaf, large))
            with self.assertRaises(ExperimentError):
                attack(deaf, large, 1)
        self.assertTrue(fits(Simple(), large))
