from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt import lab
from dynamicrypt._core import lane_instruction_sets
from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.attacks import (
    Attack,
    Genetic,
    Geometric,
    Majority,
    NoAttack,
    Particle,
    Probabilistic,
    Simple,
    attack_named,
)
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.instructions import VARIABLE
from dynamicrypt.lab.outcome import Criterion, Outcome
from dynamicrypt.lab.record import describe, load, save
from tests.lab.small import exchange

ATTACKS: list[Attack] = [
    NoAttack(),
    Simple(),
    Geometric(attackers=3),
    Geometric(attackers=40),
    Majority(attackers=20),
    Genetic(attackers=64),
    Particle(attackers=20),
    Probabilistic(),
]


def same(first: Outcome, second: Outcome) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("steps", "matched", "work")
    )


class ExperimentTests(SynchronousTestCase):
    def test_threads_and_instruction_sets_change_nothing(self) -> None:
        for attack in ATTACKS:
            runs = 40 if isinstance(attack, Majority | Genetic | Particle | Probabilistic) else 2000
            experiment = Experiment(exchange=exchange(3, 10, 2), attack=attack, runs=runs, seed=3)
            expected = experiment.run(threads=1)
            for name in lane_instruction_sets():
                self.patch(os, "environ", {**os.environ, VARIABLE: name})
                self.assertTrue(same(experiment.run(threads=3), expected), attack.name)

    def test_seeds_are_independent(self) -> None:
        first, second = (
            Experiment(exchange=exchange(3, 10, 2), runs=600, seed=seed).run() for seed in (1, 2)
        )
        self.assertFalse(same(first, second))

    def test_groups_hold_every_run(self) -> None:
        for attack in ATTACKS:
            for runs in (1, 511, 513, 100_000):
                experiment = Experiment(exchange=exchange(3, 10, 2), attack=attack, runs=runs)
                self.assertEqual(sum(experiment.groups()), runs)

    def test_known_groups_are_not_run_again(self) -> None:
        experiment = Experiment(exchange=exchange(3, 10, 2), runs=2000, seed=3)
        ran: list[int] = []
        whole = experiment.run(progress=lambda number, outcome: ran.append(number))
        self.assertEqual(sorted(ran), [0, 1, 2, 3])
        known = {number: experiment.run_group(number) for number in (0, 2)}
        ran.clear()
        self.assertTrue(
            same(experiment.run(known=known, progress=lambda n, outcome: ran.append(n)), whole)
        )
        self.assertEqual(sorted(ran), [1, 3])

    def test_an_unknown_instruction_set_is_refused(self) -> None:
        self.patch(os, "environ", {**os.environ, VARIABLE: "abacus"})
        with self.assertRaises(ParameterError):
            Experiment(exchange=exchange(3, 10, 2), runs=5).run()

    def test_numbers_out_of_range_are_refused(self) -> None:
        plan = exchange(3, 10, 2)
        for options in (
            {"runs": -1},
            {"runs": 10**30},
            {"runs": 5, "seed": -1},
            {"runs": 5, "attack": Geometric(attackers=0)},
        ):
            with self.assertRaises(ParameterError, msg=str(options)):
                Experiment(exchange=plan, **options)
        for changes in (
            {"package": 0},
            {"package": 4097},
            {"limit": 0},
            {"delay": -1},
            {"query": 0.0},
            {"query": -1.0},
            {"query": float("nan")},
            {"query": float("inf")},
        ):
            with self.assertRaises(ParameterError, msg=str(changes)):
                replace(plan, **changes)

    def test_numbers_that_are_not_whole_are_refused(self) -> None:
        for options in ({"runs": 1e3}, {"runs": 5, "seed": 0.5}):
            with self.assertRaises(TypeError):
                Experiment(exchange=exchange(3, 10, 2), **options)  # type: ignore[arg-type]  # too
        for wrong in ({"K": 3.0}, {"rule": "hebbian"}):
            machine = replace(exchange(3, 10, 2).machine, **wrong)
            with self.assertRaises(TypeError, msg=str(wrong)):
                Exchange(machine=machine)
        with self.assertRaises(TypeError):
            exchange(3, 10, 2, package=2.0)  # type: ignore[arg-type]  # wrong on purpose

    def test_numbers_that_do_not_fit_the_attack_are_refused(self) -> None:
        for plan, attack in (
            (exchange(13, 4, 1), Majority()),
            (exchange(8, 4, 1), Genetic()),
            (exchange(3, 4, 1, package=65), Probabilistic()),
            (exchange(3, 4, 1, package=65), Particle()),
            (exchange(3, 4, 1), Majority(attackers=1 << 40)),
        ):
            with self.assertRaises(ExperimentError) as caught:
                Experiment(exchange=plan, attack=attack, runs=5).run()
            self.assertIn(attack.name, str(caught.exception))

    def test_numpy_numbers_are_numbers(self) -> None:
        plan = exchange(3, np.int64(10), np.int8(2))  # type: ignore[arg-type]  # as users have them
        experiment = Experiment(exchange=plan, runs=np.int64(600), seed=np.int64(3))  # type: ignore[arg-type]  # too
        plain = Experiment(exchange=exchange(3, 10, 2), runs=600, seed=3)
        self.assertTrue(same(experiment.run(), plain.run()))
        self.assertEqual(json.dumps(describe(experiment)), json.dumps(describe(plain)))

    def test_more_groups_than_are_submitted_at_a_time(self) -> None:
        self.patch(__import__("dynamicrypt.lab.experiment", fromlist=["x"]), "AHEAD", 3)
        experiment = Experiment(exchange=exchange(3, 10, 1), attack=Genetic(8), runs=20, seed=3)
        parts = [experiment.run_group(number) for number in range(20)]
        self.assertTrue(same(experiment.run(threads=2), Outcome.joined(parts)))

    def test_threads_are_one_or_more(self) -> None:
        for threads in (0, -1):
            with self.assertRaises(ParameterError):
                Experiment(exchange=exchange(3, 10, 1), runs=5).run(threads=threads)

    def test_one_import_is_enough(self) -> None:
        plan = lab.Exchange(
            machine=lab.MachineParameters(K=3, N=10, L=1, rule=lab.Rule.RANDOM_WALK)
        )
        self.assertEqual(lab.synchronise(plan, 20).steps.shape, (20,))
        success = lab.attack(lab.Geometric(), plan, 20).success(lab.Criterion.EQUAL)
        self.assertIsInstance(success, lab.Proportion)

    def test_no_runs_have_no_results(self) -> None:
        outcome = Experiment(exchange=exchange(3, 10, 1), runs=0).run()
        self.assertEqual(outcome.runs, 0)

    def test_names_give_attacks(self) -> None:
        self.assertEqual(attack_named("majority", 7), Majority(attackers=7))
        self.assertEqual(attack_named("none"), NoAttack())
        for name, number in (("probabilistic", 3), ("polite", None)):
            with self.assertRaises(ParameterError):
                attack_named(name, number)


class CriterionTests(SynchronousTestCase):
    def test_nearly_is_rounded_up(self) -> None:
        self.assertEqual(Criterion.NEARLY.threshold(300), 294)
        self.assertEqual(Criterion.NEARLY.threshold(72), 71)
        self.assertEqual(Criterion.EQUAL.threshold(72), 72)

    def test_runs_at_the_limit_count_for_nothing(self) -> None:
        outcome = Outcome(
            weights=10,
            steps=np.array([5, -1, 7]),
            matched=np.array([10, 10, 3], np.int32),
            work=np.array([5, 9, 7]),
        )
        self.assertEqual(outcome.success(Criterion.EQUAL).value, 0.5)
        self.assertEqual(outcome.mean_steps.value, 6)


class RecordTests(SynchronousTestCase):
    def test_an_interrupted_experiment_goes_on(self) -> None:
        for ending in ("parquet", "csv"):
            path = Path(self.mktemp()).with_suffix(f".{ending}")
            experiment = Experiment(exchange=exchange(3, 10, 2), runs=2000, seed=3)
            self.assertEqual(load(path, experiment), {})
            save(path, experiment, {number: experiment.run_group(number) for number in (1, 3)})
            known = load(path, experiment)
            self.assertEqual(sorted(known), [1, 3])
            self.assertTrue(same(experiment.run(known=known), experiment.run()))

    def test_the_results_of_another_experiment_are_left_alone(self) -> None:
        path = Path(self.mktemp()).with_suffix(".csv")
        experiment = Experiment(exchange=exchange(3, 10, 2), runs=10, seed=3)
        save(path, experiment, {0: experiment.run_group(0)})
        with self.assertRaises(ParameterError):
            load(path, Experiment(exchange=exchange(3, 10, 2), runs=10, seed=4))
