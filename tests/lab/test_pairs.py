"""Pairs in lockstep, held against the plain definition weight by weight."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt._core import Lockstep, lane_instruction_sets
from dynamicrypt.lab.reference import corrected, machine_of
from dynamicrypt.params import MachineParameters, Rule
from dynamicrypt.tpm.machine import RULE_NUMBERS
from dynamicrypt.tpm.reference import Machine
from tests.lab.small import SHAPES, machine, signed

LANES = 512


class Follower:
    """A lane of a group, and the same machines in plain Python."""

    def __init__(self, group: Lockstep, lane: int, parameters: MachineParameters) -> None:
        self.group, self.lane, self.parameters = group, lane, parameters
        self.machines: list[Machine] = []

    def follow(self, package: int, *, attackers: int, geometric: bool, steps: int) -> None:
        for step in range(steps):
            self.group.advance()
            now = [self.group.weights(i, self.lane) for i in range(2 + attackers)]
            if step == 0:
                self.machines = [machine_of(self.parameters, weights) for weights in now]
            assert [m.canonical() for m in self.machines] == now, (self.parameters, step)
            self.learn(package, geometric=geometric)

    def learn(self, package: int, *, geometric: bool) -> None:
        plans = []
        for step in range(package):
            x = signed(self.group.inputs(step, False, self.lane))
            heard = signed(self.group.inputs(step, True, self.lane))
            a, b = (m.evaluate(x) for m in self.machines[:2])
            own = [m.represent(x) for m in self.machines[:2]]
            own += [
                corrected(m, heard, a) if geometric else m.represent(heard)
                for m in self.machines[2:]
            ]
            plans.append((x, heard, a, b, own))
        for x, heard, a, b, own in plans:
            if a == b:
                for i, m in enumerate(self.machines):
                    m.move(x if i < 2 else heard, own[i], a)


class TrajectoryTests(SynchronousTestCase):
    def follow(
        self,
        instruction_set: str,
        *,
        geometric: bool = True,
        secret: bool = False,
        package: int = 1,
        H: float = 0.0,
        steps: int = 16,
    ) -> None:
        for K, N, L in SHAPES:
            for rule in Rule:
                parameters = machine(K, N, L, rule)
                group = Lockstep(
                    K,
                    N,
                    L,
                    RULE_NUMBERS[rule],
                    K * N * L,
                    5,
                    instruction_set=instruction_set,
                    attackers=2,
                    geometric=geometric,
                    secret_inputs=secret,
                    package=package,
                    field=H * L * N**0.5,
                )
                group.fill()
                lane = Random(N + L).randrange(LANES)
                Follower(group, lane, parameters).follow(
                    package, attackers=2, geometric=geometric, steps=steps
                )

    def test_geometric_attackers_and_partners_follow_the_definition(self) -> None:
        for name in lane_instruction_sets():
            self.follow(name, steps=24)

    def test_simple_attackers_follow_the_definition(self) -> None:
        for name in lane_instruction_sets():
            self.follow(name, geometric=False)

    def test_packages_are_learnt_from_the_representations_at_their_start(self) -> None:
        for name in lane_instruction_sets():
            self.follow(name, package=3, steps=8)

    def test_secret_inputs_are_not_the_attackers(self) -> None:
        for name in lane_instruction_sets():
            self.follow(name, secret=True, steps=8)

    def test_queries_are_learnt_like_other_inputs(self) -> None:
        for name in lane_instruction_sets():
            self.follow(name, H=0.4, steps=8)

    def test_packages_of_queries_follow_the_definition(self) -> None:
        for name in lane_instruction_sets():
            self.follow(name, H=0.4, package=2, steps=4)

    def test_queries_make_fields_of_the_size_asked_for(self) -> None:
        group = Lockstep(3, 200, 3, 2, 1, 0, instruction_set="plain", field=1.0 * 200**0.5)
        group.fill()
        for step in range(4):
            group.advance()
            asker = step % 2
            for lane in range(20):
                weights = machine_of(machine(3, 200, 3), group.weights(asker, lane))
                for field in weights.fields(signed(group.inputs(0, False, lane))):
                    self.assertLess(abs(abs(field) / 200**0.5 - 1.0), 0.15)


class RunTests(SynchronousTestCase):
    def run_pairs(self, runs: int, name: str, **options: Any) -> tuple[list[int], list[int]]:
        group = Lockstep(3, 20, 2, 0, 7, 1, instruction_set=name, attackers=1, **options)
        steps = np.empty(runs, np.int64)
        matched = np.empty((runs, 1), np.int32)
        weights = np.empty((runs, 60), np.int8)
        group.run(steps, matched, weights)
        self.assertLessEqual(int(abs(weights).max()), 2)
        return steps.tolist(), matched[:, 0].tolist()

    def test_every_instruction_set_gives_the_same_runs(self) -> None:
        for runs in (1, 300, 2500):
            results = [self.run_pairs(runs, name) for name in lane_instruction_sets()]
            for result in results:
                self.assertEqual(result, results[0])

    def test_every_run_ends_at_its_own_step(self) -> None:
        steps, matched = self.run_pairs(3000, lane_instruction_sets()[0])
        self.assertGreater(min(steps), 0)
        self.assertGreater(len(set(steps)), 100)
        self.assertTrue(all(0 <= count <= 60 for count in matched))

    def test_the_recorded_step_is_the_first_with_equal_weights(self) -> None:
        steps, _ = self.run_pairs(LANES, "plain")
        group = Lockstep(3, 20, 2, 0, 7, 1, instruction_set="plain", attackers=1)
        group.fill()
        first = [-1] * LANES
        for step in range(60):
            group.advance()
            for lane in range(LANES):
                if first[lane] < 0 and group.weights(0, lane) == group.weights(1, lane):
                    first[lane] = step
        early = [lane for lane in range(LANES) if steps[lane] < 60]
        self.assertGreater(len(early), 20)
        self.assertEqual([first[lane] for lane in early], [steps[lane] for lane in early])

    def test_pairs_give_up_at_the_limit(self) -> None:
        free, _ = self.run_pairs(LANES, "plain")
        steps, _ = self.run_pairs(LANES, "plain", limit=80)
        self.assertEqual(steps, [step if step <= 80 else -1 for step in free])

    def test_a_late_key_is_better_known(self) -> None:
        steps, early = self.run_pairs(LANES, "plain", geometric=True)
        same, late = self.run_pairs(LANES, "plain", geometric=True, delay=50)
        self.assertEqual(steps, same)
        self.assertGreater(sum(late), sum(early))

    def test_equal_starts_are_synchronised_in_no_step(self) -> None:
        group = Lockstep(1, 1, 1, 0, 3, 0, instruction_set="plain", limit=50)
        steps = np.empty(LANES, np.int64)
        group.run(steps)
        self.assertGreater(int((steps == 0).sum()), LANES // 5)

    def test_refuses_other_ranges(self) -> None:
        for wrong in (
            {"k": 0},
            {"n": 16385},
            {"l": 128},
            {"rule": 3},
            {"attackers": -1},
            {"package": 0},
            {"field": -1.0},
            {"limit": 0},
            {"instruction_set": "abacus"},
        ):
            options: dict[str, Any] = {"k": 3, "n": 4, "l": 2, "rule": 0, "key": 0, "number": 0}
            options |= {"instruction_set": "plain"}
            options |= wrong
            with self.assertRaises(ValueError, msg=str(wrong)) as caught:
                Lockstep(**options)
            self.assertIn(next(iter(wrong)), str(caught.exception))

    def test_refuses_results_of_other_shapes(self) -> None:
        group = Lockstep(3, 4, 2, 0, 1, 1, instruction_set="plain", attackers=1)
        with self.assertRaises(ValueError):
            group.run(np.empty(5, np.int64), np.empty((4, 1), np.int32))
        with self.assertRaises(ValueError):
            group.run(np.empty(5, np.int64), None, np.empty((5, 11), np.int8))
