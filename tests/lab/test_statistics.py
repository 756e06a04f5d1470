"""Estimates and fits on data whose parameters are known. All generators are seeded."""

from __future__ import annotations

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.lab.statistics import (
    Estimate,
    fit_decay,
    fit_gumbel,
    mean,
    proportion,
    wilson,
)


def share_bound(trials: int) -> float:
    return wilson(0, trials)[1]


class EstimateTests(SynchronousTestCase):
    def test_errors_combine(self) -> None:
        self.assertTrue(Estimate(10, 3).agrees_with(Estimate(34.9, 4)))
        self.assertFalse(Estimate(10, 3).agrees_with(Estimate(35.1, 4)))

    def test_mean_has_the_error_of_the_mean(self) -> None:
        estimate = mean([1, 2, 3, 4])
        self.assertEqual(estimate.value, 2.5)
        self.assertAlmostEqual(estimate.error, np.std([1, 2, 3, 4], ddof=1) / 2)

    def test_few_values_have_no_finite_error(self) -> None:
        self.assertTrue(np.isnan(mean([]).value))
        self.assertEqual(mean([3]).error, float("inf"))

    def test_shares_of_nought_and_one_have_an_error(self) -> None:
        self.assertGreater(proportion(0, 50).error, 0)
        self.assertGreater(proportion(50, 50).error, 0)
        self.assertTrue(np.isnan(proportion(0, 0).value))

    def test_shares_of_nought_and_one_are_told_by_their_bounds(self) -> None:
        self.assertEqual(str(proportion(0, 1000)), "0 (≤ 0.0038)")
        self.assertEqual(str(proportion(1000, 1000)), "1 (≥ 0.9962)")
        self.assertEqual(proportion(10, 10).text(2), "1 (≥ 0.72)")
        self.assertEqual(proportion(10**6, 10**6).text(2), "1 (≥ 0.9999962)")
        self.assertEqual(str(proportion(0, 0)), "-")
        self.assertEqual(str(proportion(500, 1000)), "0.5 ± 0.016")

    def test_no_success_leaves_at_least_the_exact_bound(self) -> None:
        for trials in (7, 100, 10_000, 1_000_000):
            exact = 1 - 0.05 ** (1 / trials)  # Clopper and Pearson 1934, one side
            self.assertGreater(proportion(0, trials).interval[1], exact)
            self.assertEqual(proportion(0, trials).interval[0], 0)
            self.assertEqual(proportion(trials, trials).interval[1], 1)

    def test_successes_are_of_the_trials(self) -> None:
        for successes, trials in ((5, 3), (-1, 3), (0, -1)):
            with self.assertRaises(ValueError):
                proportion(successes, trials)

    def test_a_power_of_a_share_has_the_powers_of_its_ends(self) -> None:
        share, power = proportion(30, 100), proportion(30, 100, 3)
        self.assertAlmostEqual(power.value, share.value**3)
        self.assertEqual(power.interval, tuple(end**3 for end in share.interval))
        self.assertAlmostEqual(power.error, 3 * 0.3**2 * share.error, 3)
        self.assertGreater(proportion(0, 100, 4).error, 0)
        self.assertEqual(str(proportion(0, 100, 2)), f"0 (≤ {share_bound(100) ** 2:.2g})")

    def test_intervals_of_estimates_are_normal(self) -> None:
        self.assertEqual(Estimate(10, 1).interval, (8.04, 11.96))

    def test_wilson_interval_covers_as_often_as_it_says(self) -> None:
        random = np.random.default_rng(1)
        hits = random.binomial(40, 0.1, size=4000)
        covered = sum(low <= 0.1 <= high for low, high in (wilson(int(h), 40) for h in hits))
        # 95 % nominal; the discrete distribution gives 0.958; five standard errors are .016.
        self.assertLess(abs(covered / 4000 - 0.958), 0.016)
        self.assertEqual(wilson(0, 0), (0.0, 1.0))
        self.assertEqual(wilson(0, 10)[0], 0.0)
        self.assertEqual(wilson(10, 10)[1], 1.0)


class FitTests(SynchronousTestCase):
    def test_gumbel_parameters_come_back(self) -> None:
        fit = fit_gumbel(np.random.default_rng(2).gumbel(380, 86, size=20_000))
        self.assertTrue(fit.location.agrees_with(Estimate(380, 0)))
        self.assertTrue(fit.scale.agrees_with(Estimate(86, 0)))
        self.assertLess(fit.scale.error, 1)
        self.assertAlmostEqual(fit.quantile(np.exp(-1)), fit.location.value)

    def test_gumbel_needs_two_values(self) -> None:
        for values in ([], [5], [5, 5, 5]):
            with self.assertRaises(ValueError):
                fit_gumbel(values)

    def test_gumbel_errors_are_those_of_repetitions(self) -> None:
        random = np.random.default_rng(3)
        fits = [fit_gumbel(random.gumbel(100, 10, size=500)) for _ in range(300)]
        for name in ("location", "scale"):
            values = [getattr(fit, name) for fit in fits]
            spread = np.std([value.value for value in values])
            self.assertLess(abs(spread / values[0].error - 1), 0.25, name)

    def test_decay_parameters_come_back(self) -> None:
        random = np.random.default_rng(4)
        levels = list(range(3, 11))
        p = np.exp(-0.67 * (np.array(levels) - 1.9))
        fit = fit_decay(levels, random.binomial(20_000, p).tolist(), [20_000] * len(levels))
        self.assertTrue(fit.rate.agrees_with(Estimate(0.67, 0)))
        self.assertTrue(fit.start.agrees_with(Estimate(1.9, 0)))
        self.assertTrue(fit.log_success(20).agrees_with(Estimate(-0.67 * 18.1, 0)))
        self.assertGreater(fit.log_success(40).error, fit.log_success(20).error)

    def test_decay_errors_are_those_of_repetitions(self) -> None:
        random = np.random.default_rng(5)
        levels = [4, 6, 8, 10]
        p = np.exp(-0.5 * (np.array(levels) - 2.0))
        fits = [
            fit_decay(levels, random.binomial(2000, p).tolist(), [2000] * 4) for _ in range(300)
        ]
        for name in ("rate", "start"):
            values = [getattr(fit, name) for fit in fits]
            spread = np.std([value.value for value in values])
            self.assertLess(abs(spread / np.median([v.error for v in values]) - 1), 0.25, name)

    def test_decay_needs_two_mixed_levels(self) -> None:
        with self.assertRaises(ValueError):
            fit_decay([3, 4, 5], [100, 40, 0], [100, 100, 100])
