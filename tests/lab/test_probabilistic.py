from __future__ import annotations

from random import Random

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.lab import reference
from dynamicrypt.lab.attacks import Probabilistic
from dynamicrypt.lab.attacks.probabilistic import beliefs
from dynamicrypt.lab.experiment import attack
from dynamicrypt.lab.outcome import Criterion
from dynamicrypt.params import Rule
from dynamicrypt.tpm.reference import Machine
from tests.lab.small import exchange, machine
from tests.tpm.streams import Stream, signs


class ProbabilisticTests(SynchronousTestCase):
    def test_beliefs_are_those_of_the_definition(self) -> None:
        for K, N, L in ((3, 8, 2), (1, 5, 4), (4, 6, 9)):
            for rule in Rule:
                random = Random(K * L)
                parameters = machine(K, N, L, rule)
                a = Machine.drawn(parameters, Stream(1))
                b = Machine.drawn(parameters, Stream(2))
                plain = reference.Probabilistic(parameters)
                heard, of_a, of_b = [], [], []
                for _ in range(25):
                    x = signs(random, parameters.weights)
                    outputs = a.evaluate(x), b.evaluate(x)
                    heard.append(x)
                    of_a.append(outputs[0])
                    of_b.append(outputs[1])
                    plain.listen(x, *outputs)
                    if outputs[0] == outputs[1]:
                        a.learn(x, outputs[0])
                        b.learn(x, outputs[1])
                ours = beliefs(parameters, *(np.array(v, np.int8) for v in (heard, of_a, of_b)))
                # The compiled attack interpolates the normal distribution, to 1e-5 a step.
                self.assertLess(float(np.abs(ours - np.array(plain.chance)).max()), 2e-2)
                self.assertLess(float(np.abs(ours - np.array(plain.chance)).mean()), 1e-4)

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
