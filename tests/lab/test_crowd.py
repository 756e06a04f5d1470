"""Majority and genetic attack, held against their definitions weight by weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt._core import Crowd, lane_instruction_sets
from dynamicrypt.lab.reference import Genetic, Majority, corrected, machine_of
from dynamicrypt.params import MachineParameters, Rule
from dynamicrypt.tpm.machine import RULE_NUMBERS
from dynamicrypt.tpm.reference import Machine
from tests.lab.small import machine, signed

SHAPES = [(3, 13, 3, 30), (2, 8, 2, 5), (4, 5, 4, 70), (1, 9, 2, 3), (3, 4, 9, 62), (3, 4, 2, 63)]


class Geometric:
    """Independent machines; the frame of the other two definitions."""

    def __init__(self, machines: list[Machine]) -> None:
        self.machines = machines

    def listen(self, inputs: list[int], a: int, b: int) -> None:
        if a == b:
            for own in self.machines:
                own.move(inputs, corrected(own, inputs, a), a)


Attacker = Geometric | Majority | Genetic


class CrowdTrajectoryTests(SynchronousTestCase):
    def follow(
        self, strategy: str, start: Callable[[list[Machine], int], Attacker], steps: int
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
                            field=share * L * N**0.5,
                        )
                        self.follow_one(group, machine(K, N, L, rule), most, start, steps)

    def follow_one(
        self,
        group: Crowd,
        parameters: MachineParameters,
        most: int,
        start: Callable[[list[Machine], int], Attacker],
        steps: int,
    ) -> None:
        group.fill()
        pair = group.pairs - 1
        group.advance()
        size = group.size(pair)

        def now(number: int) -> bytes:
            return group.weights(pair, number)

        a, b = (machine_of(parameters, now(i)) for i in (0, 1))
        inside: Attacker | None = None
        if size == most or parameters.K == 1:
            inside = start([machine_of(a.parameters, now(2 + i)) for i in range(size)], most)
        for step in range(steps):
            if step:
                group.advance()
            x = signed(group.inputs(pair, 0, False))
            self.assertEqual([a.canonical(), b.canonical()], [now(0), now(1)])
            outputs = a.evaluate(x), b.evaluate(x)
            if inside is None:
                # A genetic attacker in a first learning step has branched already: its weights are
                # the parent's, for they are moved in the next pass.
                inside = start([machine_of(a.parameters, now(2))], most)
            quiet = outputs[0] != outputs[1] or not isinstance(inside, Genetic)
            if quiet:
                own = [each.canonical() for each in inside.machines]
                self.assertEqual(own, [now(2 + i) for i in range(len(own))])
            inside.listen(x, *outputs)
            self.assertEqual(len(inside.machines), group.size(pair))
            if outputs[0] == outputs[1]:
                a.learn(x, outputs[0])
                b.learn(x, outputs[0])

    def test_geometric_restarts(self) -> None:
        self.follow("geometric", lambda machines, most: Geometric(machines), 12)

    def test_majority(self) -> None:
        self.follow("majority", lambda machines, most: Majority(machines), 115)

    def test_genetic(self) -> None:
        self.follow("genetic", lambda machines, most: Genetic(machines[0], most), 40)


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
