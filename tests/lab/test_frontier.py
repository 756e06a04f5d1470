"""Step limits: what they keep, cost and give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.lab.attacks import Geometric
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.frontier import WIDEST, limits
from dynamicrypt.lab.outcome import Criterion
from dynamicrypt.params import MachineParameters, Rule

PLAIN = Exchange(machine=MachineParameters(K=3, N=30, L=3, rule=Rule.RANDOM_WALK), package=4)
RUNS = 20_000


class LimitTests(SynchronousTestCase):
    def test_limits_keep_the_shares_that_were_asked_for(self) -> None:
        found = list(limits(PLAIN, runs=RUNS, shares=(0.1, 0.5), seed=1))
        self.assertEqual(len(found), 2)
        for limit, share in zip(found, (0.5, 0.1), strict=True):
            self.assertEqual(limit.limit % PLAIN.package, 0)
            # A package more keeps a few more; five standard errors of the share besides.
            self.assertGreater(limit.kept, share - 5 * np.sqrt(share / RUNS))
            self.assertLess(limit.kept, share + 0.06)

    def test_a_tighter_limit_costs_more(self) -> None:
        wide, tight = limits(PLAIN, runs=RUNS, shares=(0.5, 0.05), seed=2)
        self.assertGreater(tight.steps, 4 * wide.steps)

    def test_a_limit_says_what_an_exchange_with_it_shows(self) -> None:
        (found,) = limits(PLAIN, runs=RUNS, shares=(0.25,), seed=3)
        self.assertIsInstance(found.attack.attack, Geometric)
        limited = replace(PLAIN, limit=found.limit)
        outcome = Experiment(exchange=limited, attack=Geometric(), runs=RUNS, seed=4).run()
        success = outcome.success(Criterion.EQUAL)
        self.assertTrue(success.agrees_with(found.attack.every.success))
        kept = float(outcome.finished.mean())
        self.assertApproximates(kept, found.kept, 5 * np.sqrt(2 * kept / RUNS))
        spent = np.where(outcome.finished, outcome.steps, found.limit).mean() / kept
        self.assertApproximates(spent / found.steps, 1, 0.1)

    def test_few_runs_give_limits_within_that_of_the_exchange(self) -> None:
        for seed in range(5):
            for found in limits(PLAIN, runs=10, seed=seed):
                self.assertLessEqual(found.limit, PLAIN.limit)
                self.assertGreater(found.steps, 0)

    def test_refuses_what_it_cannot_say(self) -> None:
        with self.assertRaises(ValueError):
            list(limits(PLAIN, runs=100, shares=(WIDEST + 0.1,)))
        with self.assertRaises(ValueError):
            list(limits(replace(PLAIN, limit=8), runs=100))
