from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError
from dynamicrypt.lab import reference, reference_particle
from dynamicrypt.lab.attacks import Geometric, Particle
from dynamicrypt.lab.attacks.particle import (
    DOUBT,
    FLIP,
    drift,
    field_deviation,
    listen,
    share,
)
from dynamicrypt.lab.experiment import Experiment, attack
from dynamicrypt.lab.outcome import Criterion
from dynamicrypt.lab.strength import cost_of, fits
from dynamicrypt.params import MachineParameters, Rule
from dynamicrypt.tpm.reference import Machine
from tests.lab.small import exchange, machine
from tests.tpm.streams import Stream, signs

WORD = (1 << 64) - 1


def uniform(key: int) -> Callable[[], float]:
    """The core's stream 0 under a key: xoshiro256++, seeded by splitmix64."""

    def mixed(number: int) -> int:
        z = number
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & WORD
        z = (z ^ z >> 27) * 0x94D049BB133111EB & WORD
        return z ^ z >> 31

    golden = 0x9E3779B97F4A7C15
    seed = key ^ mixed(golden)
    state = [mixed(seed + i * golden & WORD) for i in range(1, 5)]

    def rotated(number: int, bits: int) -> int:
        return (number << bits | number >> (64 - bits)) & WORD

    def following() -> float:
        result = rotated(state[0] + state[3] & WORD, 23) + state[0] & WORD
        shifted = state[1] << 17 & WORD
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= shifted
        state[3] = rotated(state[3], 45)
        return (result >> 11) * 2.0**-53

    return following


class Record:
    """An exchange in packages between two machines, as the definition and the core hear it."""

    def __init__(self, parameters: MachineParameters, *, package: int, packages: int) -> None:
        random = Random(parameters.weights)
        a, b = (Machine.drawn(parameters, Stream(seed)) for seed in (1, 2))
        self.packages = []
        for _ in range(packages):
            steps = []
            for _ in range(package):
                x = signs(random, parameters.weights)
                steps.append(reference.Heard(x, a.evaluate(x), b.evaluate(x)))
            plans = [[own.represent(step.inputs) for own in (a, b)] for step in steps]
            for step, plan in zip(steps, plans, strict=True):
                if step.a == step.b:
                    for own, representation in zip((a, b), plan, strict=True):
                        own.move(step.inputs, representation, step.a)
            self.packages.append(steps)

    @property
    def arrays(self) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]:
        """Inputs and both outputs."""
        steps = [step for package in self.packages for step in package]
        return (
            np.array([step.inputs for step in steps], np.int8),
            np.array([step.a for step in steps], np.int8),
            np.array([step.b for step in steps], np.int8),
        )


class DriftTests(SynchronousTestCase):
    def test_weights_drift_as_the_definition_says(self) -> None:
        for K, N, L, package in ((3, 8, 2, 1), (1, 5, 4, 3), (4, 21, 3, 4)):
            for rule in Rule:
                parameters = machine(K, N, L, rule)
                record = Record(parameters, package=package, packages=12)
                plain = reference_particle.Drift(parameters)
                for steps in record.packages:
                    plain.listen(steps)
                ours = drift(parameters, *record.arrays, package=package)
                # Single precision, for 48 steps.
                self.assertLess(float(np.abs(ours.T - np.array(plain.chance)).max()), 1e-4)

    def test_refuses_other_shapes(self) -> None:
        x, o = np.ones((4, 24), np.int8), np.ones(4, np.int8)
        for inputs, outputs, package in ((x[:, 1:].copy(), o, 1), (x, o[1:], 1), (x, o, 3)):
            with self.assertRaises(ValueError):
                drift(machine(3, 8, 2), inputs, outputs, o, package=package)

    def test_refuses_values_that_are_no_signs(self) -> None:
        good = np.ones((4, 24), np.int8), np.ones(4, np.int8), np.ones(4, np.int8)
        for place in range(3):
            for value in (0, 2, -128):
                arrays = [array.copy() for array in good]
                arrays[place][-1] = value
                with self.assertRaises(ValueError):
                    drift(machine(3, 8, 2), *arrays)


class PopulationTests(SynchronousTestCase):
    def test_machines_guess_and_are_selected_as_the_definition_says(self) -> None:
        for K, N, L, package in ((3, 8, 2, 4), (1, 5, 4, 3), (6, 9, 2, 32), (7, 6, 3, 1)):
            for rule in Rule:
                parameters = machine(K, N, L, rule)
                record = Record(parameters, package=package, packages=6)
                field = field_deviation(parameters)
                population = [Machine.drawn(parameters, Stream(seed)) for seed in range(3, 33)]
                weights = np.array([own.weights for own in population], np.int8)
                plain = reference_particle.Particles(
                    population,
                    flip=FLIP * field,
                    doubt=DOUBT * field,
                    share=share(parameters, package),
                    fewest=4,
                    uniform=uniform(5),
                )
                for number, steps in enumerate(record.packages):
                    if number:
                        plain.select()
                    plain.listen(steps)
                ours = listen(parameters, weights, *record.arrays, key=5, package=package, fewest=4)
                expected = np.array([own.weights for own in plain.machines], np.int8)
                self.assertTrue(np.array_equal(ours, expected), (K, N, L, package, rule))

    def test_a_population_does_not_shrink_below_the_fewest(self) -> None:
        parameters = machine(3, 8, 2)
        record = Record(parameters, package=32, packages=9)
        weights = np.zeros((100, 24), np.int8)
        self.assertEqual(len(listen(parameters, weights, *record.arrays, key=1, package=32)), 8)
        few = listen(parameters, weights[:5].copy(), *record.arrays, key=1, package=32)
        self.assertEqual(len(few), 5)

    def test_refuses_other_shapes(self) -> None:
        parameters = machine(3, 8, 2)
        arrays = Record(parameters, package=2, packages=2).arrays
        for weights in (np.zeros((0, 24), np.int8), np.zeros((2, 23), np.int8)):
            with self.assertRaises(ValueError):
                listen(parameters, weights, *arrays, key=1, package=2)
        with self.assertRaises(ValueError):
            listen(parameters, np.zeros((2, 24), np.int8), *arrays, key=1, package=3)

    def test_refuses_values_that_no_machine_has(self) -> None:
        # A local field of them would be outside the tables.
        parameters = machine(3, 8, 2)
        inputs, a, b = Record(parameters, package=2, packages=2).arrays
        for value in (3, -3, 127):
            weights = np.zeros((2, 24), np.int8)
            weights[-1, -1] = value
            with self.assertRaises(ValueError):
                listen(parameters, weights, inputs, a, b, key=1)
        loud = inputs.copy()
        loud[-1, -1] = 100
        with self.assertRaises(ValueError):
            listen(parameters, np.full((2, 24), 2, np.int8), loud, a, b, key=1)


class ParticleTests(SynchronousTestCase):
    def test_it_has_keys_cheaper_than_the_geometric_attack(self) -> None:
        # K=6, N=48, L=2, random walk, B=16, limit 448: measured 17.1 bits (0.2) and 17.8.
        plan = exchange(6, 48, 2, package=16, limit=448, delay=48)
        particles = attack(Particle(attackers=100), plan, 3000, seed=1)
        geometric = attack(Geometric(), plan, 60_000, seed=1)
        ours, theirs = (
            cost_of(Particle(attackers=100), particles).every.bits(),
            cost_of(Geometric(), geometric).every.bits(),
        )
        self.assertLess(ours, theirs)

    def test_runs_in_vain_are_not_attacked(self) -> None:
        outcome = attack(Particle(attackers=20), exchange(3, 10, 2, limit=100), 200, seed=1)
        self.assertFalse(outcome.finished.all())
        self.assertEqual(int(outcome.work[~outcome.finished].sum()), 0)
        self.assertGreater(int(outcome.work[outcome.finished].min()), 0)

    def test_inputs_that_are_secret_or_chosen_are_refused(self) -> None:
        plan = exchange(3, 10, 2)
        for other in (replace(plan, secret_inputs=True), replace(plan, query=0.5)):
            self.assertFalse(fits(Particle(), other))
            with self.assertRaises(ParameterError):
                attack(Particle(), other, 1)
        self.assertTrue(fits(Particle(), plan))

    def test_threads_change_nothing(self) -> None:
        plan = exchange(3, 10, 2, package=3, delay=5)
        ours, theirs = (
            Experiment(exchange=plan, attack=Particle(attackers=9), runs=64, seed=3).run(threads=n)
            for n in (1, 3)
        )
        for name in ("steps", "matched", "work"):
            self.assertTrue(np.array_equal(getattr(ours, name), getattr(theirs, name)), name)

    def test_times_are_those_of_other_attacks(self) -> None:
        plan = exchange(3, 30, 2, package=4)
        ours = attack(Particle(attackers=20), plan, 2000, seed=1)
        theirs = attack(Geometric(), plan, 2000, seed=1)
        self.assertTrue(ours.mean_steps.agrees_with(theirs.mean_steps))

    def test_it_follows_machines_that_are_easy(self) -> None:
        # K=3, N=30, L=2, random walk: measured .49 (0.035).
        outcome = attack(Particle(attackers=50), exchange(3, 30, 2), 200, seed=1)
        self.assertGreater(outcome.success(Criterion.EQUAL).value, 0.3)
