from __future__ import annotations

import os
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt._core import lane_instruction_sets
from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.attacks import (
    Attack,
    Genetic,
    Geometric,
    Majority,
    NoAttack,
    Probabilistic,
    Simple,
    attack_named,
)
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.instructions import VARIABLE
from dynamicrypt.lab.outcome import Criterion, Outcome
from dynamicrypt.lab.record import load, save
from dynamicrypt.lab.sweep import grid, parse_axis, sweep
from dynamicrypt.params import Rule
from tests.lab.small import exchange

ATTACKS: list[Attack] = [
    NoAttack(),
    Simple(),
    Geometric(attackers=3),
    Geometric(attackers=40),
    Majority(attackers=20),
    Genetic(attackers=64),
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
            runs = 40 if isinstance(attack, Majority | Genetic | Probabilistic) else 2000
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


class AtOnce(Executor):
    """Runs a task when it is submitted."""

    def submit(self, task, /, *arguments, **named):  # type: ignore[no-untyped-def]  # as its base
        future: Future[object] = Future()
        future.set_result(task(*arguments, **named))
        return future


class SweepTests(SynchronousTestCase):
    def test_axes_are_ranges_and_lists(self) -> None:
        self.assertEqual(parse_axis("L=1:4"), ("L", [1, 2, 3, 4]))
        self.assertEqual(parse_axis("L=1:9:4"), ("L", [1, 5, 9]))
        self.assertEqual(parse_axis("rule=hebbian"), ("rule", [Rule.HEBBIAN]))
        for wrong in ("L", "L=", "L=a", "Q=1", "L=1:2:3:4", "rule=gradient"):
            with self.assertRaises(ParameterError, msg=wrong):
                parse_axis(wrong)

    def test_a_grid_has_every_combination(self) -> None:
        base = Experiment(exchange=exchange(3, 10, 2), attack=Majority(attackers=5), runs=8)
        points = list(grid(base, [("L", [1, 2]), ("package", [1, 4]), ("attackers", [5, 6])]))
        self.assertEqual(len(points), 8)
        self.assertEqual(points[-1].exchange.machine.L, 2)
        self.assertEqual(points[-1].exchange.package, 4)
        self.assertEqual(points[-1].attack, Majority(attackers=6))

    def test_points_that_are_there_are_not_run_again(self) -> None:
        directory = Path(self.mktemp())
        base = Experiment(exchange=exchange(3, 10, 2), runs=60)
        points = list(grid(base, [("L", [1, 2, 3])]))
        first = sweep(points[:2], directory, executor=AtOnce())
        kept = {file: file.stat().st_mtime_ns for file in directory.iterdir()}
        self.assertEqual(len(kept), 2)
        again = sweep(points, directory, executor=AtOnce())
        self.assertEqual(again[:2], first)
        self.assertEqual({file: file.stat().st_mtime_ns for file in kept}, kept)
        self.assertEqual(len(list(directory.iterdir())), 3)
