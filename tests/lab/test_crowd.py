"""Majority and genetic attack, held against their definitions weight by weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt._core import Crowd, lane_instruction_sets
from dynamicrypt.lab.reference import Genetic, Heard, Majority, corrected, machine_of
from dynamicrypt.params import MachineParameters, Rule
from dynamicrypt.tpm.machine import RULE_NUMBERS
from dynamicrypt.tpm.reference import Machine
from tests.lab.small import machine, signed

SHAPES = [(3, 13, 3, 30), (2, 8, 2, 5), (4, 5, 4, 70), (1, 9, 2, 3), (3, 4, 9, 62), (3, 4, 2, 63)]


class Geometric:
    """Independent machines; the frame of the other two definitions."""

    def __init__(self, machines: list[Machine]) -> None:
        self.machines = machines

    def listen(self, package: list[Heard]) -> None:
        plans = [[corrected(m, step.inputs, step.a) for m in self.machines] for step in package]
        for step, chosen in zip(package, plans, strict=True):
            if step.a == step.b:
                for own, representation in zip(self.machines, chosen, strict=True):
                    own.move(step.inputs, representation, step.a)


Attacker = Geometric | Majority | Genetic


class Follower:
    """A pair of a crowd and its attackers, and the same in plain Python."""

    def __init__(
        self, test: SynchronousTestCase, group: Crowd, parameters: MachineParameters, package: int
    ) -> None:
        self.test, self.group, self.parameters, self.package = test, group, parameters, package
        self.pair = group.pairs - 1

    def now(self, number: int) -> bytes:
        return self.group.weights(self.pair, number)

    def machine(self, number: int) -> Machine:
        return machine_of(self.parameters, self.now(number))

    def hear(self, a: Machine, b: Machine) -> list[Heard]:
        package = []
        for step in range(self.package):
            x = signed(self.group.inputs(self.pair, step, False))
            package.append(Heard(x, a.evaluate(x), b.evaluate(x)))
        return package

    def learn(self, own: Machine, package: list[Heard]) -> None:
        plans = [own.represent(step.inputs) for step in package]
        for step, representation in zip(package, plans, strict=True):
            if step.a == step.b:
                own.move(step.inputs, representation, step.a)

    def follow(self, start: Callable[[list[Machine]], Attacker], packages: int) -> None:
        self.group.fill()
        self.group.advance()
        a, b = self.machine(0), self.machine(1)
        attacker = start([self.machine(2 + i) for i in range(self.group.size(self.pair))])
        for number in range(packages):
            if number:
                self.group.advance()
            self.test.assertEqual(len(attacker.machines), self.group.size(self.pair))
            own = [each.canonical() for each in (a, b, *attacker.machines)]
            self.test.assertEqual(own, [self.now(i) for i in range(len(own))])
            package = self.hear(a, b)
            attacker.listen(package)
            self.learn(a, package)
            self.learn(b, package)


class CrowdTrajectoryTests(SynchronousTestCase):
    def follow(
        self,
        strategy: str,
        start: Callable[[int], Callable[[list[Machine]], Attacker]],
        packages: int,
        package: int = 1,
    ) -> None:
        for name in lane_instruction_sets():
            for K, N, L, most in SHAPES:
                for rule in Rule:
                    for share in (0.0, 0.5):
                        group = Crowd(
                            K,
                            N,
                            L,
                            RULE_NUMBERS[rule],
                            7,
                            3,
                            instruction_set=name,
                            strategy=strategy,
                            attackers=most,
                            package=package,
                            field=share * L * N**0.5,
                        )
                        follower = Follower(self, group, machine(K, N, L, rule), package)
                        follower.follow(start(most), packages)

    def test_geometric_restarts(self) -> None:
        self.follow("geometric", lambda most: Geometric, 12)
        self.follow("geometric", lambda most: Geometric, 4, package=3)

    def test_majority(self) -> None:
        self.follow("majority", lambda most: Majority, 112)
        self.follow("majority", lambda most: Majority, 17, package=7)

    def test_genetic(self) -> None:
        def start(most: int) -> Callable[[list[Machine]], Attacker]:
            return lambda machines: Genetic(machines[0], most)

        self.follow("genetic", start, 40)
        self.follow("genetic", start, 30, package=2)
        self.follow("genetic", start, 8, package=5)


class CrowdRunTests(SynchronousTestCase):
    def run_crowd(
        self, name: str, strategy: str, runs: int, **options: Any
    ) -> tuple[list[int], list[int], list[int]]:
        group = Crowd(3, 20, 2, 2, 7, 1, instruction_set=name, strategy=strategy, **options)
        steps, work = np.empty(runs, np.int64), np.empty(runs, np.int64)
        matched = np.empty(runs, np.int32)
        group.run(steps, matched, work)
        return steps.tolist(), matched.tolist(), work.tolist()

    def test_every_instruction_set_gives_the_same_runs(self) -> None:
        for strategy, attackers in (("majority", 100), ("genetic", 600), ("geometric", 30)):
            for options in ({}, {"package": 4}, {"secret_inputs": 1}):
                results = [
                    self.run_crowd(name, strategy, 9, attackers=attackers, **options)
                    for name in lane_instruction_sets()
                ]
                for result in results:
                    self.assertEqual(result, results[0])

    def test_work_counts_the_machines_of_every_step(self) -> None:
        steps, _, work = self.run_crowd("plain", "majority", 20, attackers=100)
        self.assertEqual(work, [100 * step for step in steps])
        steps, _, work = self.run_crowd("plain", "genetic", 5, attackers=600)
        self.assertTrue(all(0 < w <= 600 * s for w, s in zip(work, steps, strict=True)))

    def test_guessed_inputs_teach_nothing(self) -> None:
        _, matched, _ = self.run_crowd("plain", "majority", 20, attackers=30, secret_inputs=1)
        self.assertLess(max(matched), 45)

    def test_pairs_give_up_at_the_limit(self) -> None:
        free, _, _ = self.run_crowd("plain", "majority", 4, attackers=200)
        steps, _, _ = self.run_crowd("plain", "majority", 1, attackers=200, limit=free[0] - 1)
        self.assertEqual(steps, [-1])

    def test_refuses_more_variants_than_a_column_holds(self) -> None:
        with self.assertRaises(ValueError) as caught:
            Crowd(8, 9, 4, 0, 0, 0, instruction_set="plain", strategy="genetic", attackers=512)
        self.assertIn("k", str(caught.exception))

    def test_refuses_other_strategies(self) -> None:
        with self.assertRaises(ValueError):
            Crowd(3, 9, 4, 0, 0, 0, instruction_set="plain", strategy="polite", attackers=5)
