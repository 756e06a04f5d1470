"""The machine takes as long as published: a wrong rule that both sides share would not."""

from random import Random
from statistics import mean

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.params import THESIS, MachineParameters, Rule
from dynamicrypt.tpm.machine import new_bank
from tests.tpm.streams import Stream

MACHINES = 600


def packages_to_synchronise(parameters: MachineParameters, package: int) -> list[int]:
    """For each pair of machines the packages until all weights are equal."""
    alice = new_bank(parameters, machines=MACHINES, package=package, fill=Stream(1))
    bob = new_bank(parameters, machines=MACHINES, package=package, fill=Stream(2))
    public, done, packages = Random(3), [], 0
    apart = set(range(MACHINES))
    while apart:
        packages += 1
        inputs = public.randbytes(alice.round_input_bytes)
        hers, his = alice.evaluate(inputs), bob.evaluate(inputs)
        alice.learn(his, 1, 1)
        bob.learn(hers, 1, 1)
        for number in list(apart):
            if alice.weights(number) == bob.weights(number):
                apart.remove(number)
                alice.hold(number)
                bob.hold(number)
                done.append(packages)
    return done


class SynchronisationTimeTests(SynchronousTestCase):
    """Means over 600 pairs; the seeds are fixed, the tolerance is four standard errors."""

    def check(
        self, parameters: MachineParameters, package: int, steps: float, tolerance: float
    ) -> None:
        measured = mean(packages_to_synchronise(parameters, package)) * package
        self.assertLess(abs(measured - steps), tolerance, f"{measured} steps, not {steps}")

    def test_random_walk(self) -> None:
        self.check(MachineParameters(K=3, N=100, L=3, rule=Rule.RANDOM_WALK), 1, 351.4, 20)

    def test_hebbian(self) -> None:
        self.check(MachineParameters(K=3, N=100, L=3, rule=Rule.HEBBIAN), 1, 302.7, 18)

    def test_thesis_parameters(self) -> None:
        self.check(THESIS, 1, 1413, 120)

    def test_thesis_parameters_in_packages(self) -> None:
        self.check(THESIS, 16, 2591, 250)
