from __future__ import annotations

from random import Random

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.lab import reference
from dynamicrypt.lab.attacks import Probabilistic
from dynamicrypt.lab.attacks.probabilistic import beliefs
from dynamicrypt.lab.experiment import attack
from dynamicrypt.lab.outcome import Criterion
from dynamicrypt.params import MachineParameters, Rule
from dynamicrypt.tpm.reference import Machine
from tests.lab.small import exchange, machine
from tests.tpm.streams import Stream, signs


class ProbabilisticTests(SynchronousTestCase):
    def compare(self, parameters: MachineParameters, package: int) -> None:
        random = Random(parameters.weights)
        a, b = (Machine.drawn(parameters, Stream(seed)) for seed in (1, 2))
        plain = reference.Probabilistic(parameters)
        heard: list[reference.Heard] = []
        for _ in range(24 // package):
            steps = []
            for _ in range(package):
                x = signs(random, parameters.weights)
                steps.append(reference.Heard(x, a.evaluate(x), b.evaluate(x)))
            plans = [[own.represent(step.inputs) for own in (a, b)] for step in steps]
            for step, plan in zip(steps, plans, strict=True):
                if step.a == step.b:
                    for own, representation in zip((a, b), plan, strict=True):
                        own.move(step.inputs, representation, step.a)
            plain.listen(steps)
            heard += steps
        ours = beliefs(
            parameters,
            np.array([step.inputs for step in heard], np.int8),
            np.array([step.a for step in heard], np.int8),
            np.array([step.b for step in heard], np.int8),
            package=package,
        )
        # The compiled attack interpolates the normal distribution, to 1e-5 a step.
        self.assertLess(float(np.abs(ours - np.array(plain.chance)).max()), 2e-2)
        self.assertLess(float(np.abs(ours - np.array(plain.chance)).mean()), 1e-4)

    def test_beliefs_are_those_of_the_definition(self) -> None:
        for K, N, L in ((3, 8, 2), (1, 5, 4), (4, 6, 6)):
            for rule in Rule:
                self.compare(machine(K, N, L, rule), 1)

    def test_packages_are_heard_as_the_definition_says(self) -> None:
        for rule in Rule:
            self.compare(machine(3, 8, 2, rule), 4)

    def test_it_breaks_what_the_geometric_attack_does_not(self) -> None:
        # K=3, N=100, L=10, random walk: measured .92 (standard error .06 of 24), geometric .002.
        outcome = attack(Probabilistic(), exchange(3, 100, 10), 8, seed=1)
        self.assertGreaterEqual(outcome.success(Criterion.NEARLY).value, 0.5)

    def test_packages_do_not_stop_it(self) -> None:
        # K=3, N=100, L=3, B=64: measured .58 (.06); heard without regard to packages it is 0.
        outcome = attack(Probabilistic(), exchange(3, 100, 3, package=64), 30, seed=1)
        self.assertGreater(outcome.success().value, 0.25)

    def test_refuses_other_shapes(self) -> None:
        x, o = np.ones((4, 23), np.int8), np.ones(4, np.int8)
        with self.assertRaises(ValueError):
            beliefs(machine(3, 8, 2), x, o, o)
