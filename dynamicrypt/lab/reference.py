"""The attacks in plain Python: the definitions that the compiled simulation is held against.

Written to be read, not to be fast. Every attacker listens to inputs and to both outputs; what it
does in a learning step, when the partners' outputs agree, is Ruttor 2006, sections 4.1.1 to 4.1.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product as combinations
from math import erfc, prod, sqrt

from dynamicrypt.params import MachineParameters, Rule
from dynamicrypt.tpm.reference import Machine, product, sign

#: Steps of a run that a majority attack makes geometrically before the first vote.
MAJORITY_FROM = 100
#: Learning outputs that the genetic attack looks back on (V), and how many of them a machine must
#: have predicted (U); so many machines stay in any case.
HISTORY, PREDICTED, SURVIVORS = 20, 10, 20


@dataclass(frozen=True, slots=True)
class Heard:
    """A public step: the inputs and the partners' outputs."""

    inputs: Sequence[int]
    a: int
    b: int


def corrected(machine: Machine, inputs: Sequence[int], output: int) -> list[int]:
    """The internal representation with the geometric correction.

    Where the machine's output is not `output` the unit of smallest |h|, the first of equals, is
    flipped: it is the one that is most likely wrong (Klimov, Mityagin, Shamir 2002).
    """
    fields = machine.fields(inputs)
    representation = [sign(field) for field in fields]
    if product(representation) != output:
        weakest = min(range(len(fields)), key=lambda unit: abs(fields[unit]))
        representation[weakest] *= -1
    return representation


def representations(K: int, output: int) -> list[tuple[int, ...]]:
    """All internal representations that give `output`.

    In the order of the number whose bit i is set where sigma of unit i is +1, for the first K-1
    units; the last one follows from them.
    """
    found = []
    for reversed_signs in combinations((-1, 1), repeat=K - 1):
        signs = reversed_signs[::-1]
        found.append((*signs, output * product(signs)))
    return found


class Majority:
    """The majority attack: machines that vote on the internal representation in even steps.

    Shacham, Klein, Mislovaty, Kanter, Kinzel 2004. Steps count from 1, all of them.
    """

    def __init__(self, machines: Sequence[Machine]) -> None:
        self.machines = list(machines)
        self._step = 0

    def listen(self, package: Sequence[Heard]) -> None:
        """The steps of one package; all representations are of its start."""
        plans = [[corrected(m, step.inputs, step.a) for m in self.machines] for step in package]
        for step, corrections in zip(package, plans, strict=True):
            self._step += 1
            if step.a != step.b:
                continue
            chosen = corrections
            if self._step > MAJORITY_FROM and self._step % 2 == 0:
                candidates = representations(self.machines[0].parameters.K, step.a)
                votes = [sum(tuple(own) == each for own in chosen) for each in candidates]
                winner = list(candidates[votes.index(max(votes))])
                chosen = [winner] * len(self.machines)
            for machine, representation in zip(self.machines, chosen, strict=True):
                machine.move(step.inputs, representation, step.a)


@dataclass(slots=True)
class _Individual:
    """A machine of the genetic attack: what it predicted, and what it will do in the package."""

    machine: Machine
    right: list[bool]
    outputs: list[int]
    plans: list[list[int]]

    def child(self) -> _Individual:
        machine = Machine(self.machine.parameters, self.machine.weights)
        return _Individual(machine, self.right, self.outputs, self.plans)


class Genetic:
    """The genetic attack: machines that multiply while they are few, and die if they guess wrong.

    Klimov, Mityagin, Shamir 2002; at most `most` machines at a time.
    """

    def __init__(self, machine: Machine, most: int) -> None:
        self._population = [_Individual(machine, [True] * HISTORY, [], [])]
        self._most = most

    @property
    def machines(self) -> list[Machine]:
        """The machines at work."""
        return [individual.machine for individual in self._population]

    def listen(self, package: Sequence[Heard]) -> None:
        """The steps of one package; all representations and outputs are of its start."""
        for own in self._population:
            own.outputs = [own.machine.evaluate(step.inputs) for step in package]
            own.plans = [corrected(own.machine, step.inputs, step.a) for step in package]
        for number, step in enumerate(package):
            if step.a == step.b:
                self._learn(number, step)

    def _learn(self, number: int, step: Heard) -> None:
        for own in self._population:
            own.right = [*own.right[1:], own.outputs[number] == step.a]
        variants = representations(self._population[0].machine.parameters.K, step.a)
        if len(variants) > 1 and len(self._population) * len(variants) <= self._most:
            self._branch(step, variants)
        else:
            self._select()
            for own in self._population:
                own.machine.move(step.inputs, own.plans[number], step.a)

    def _branch(self, step: Heard, variants: list[tuple[int, ...]]) -> None:
        parents = self._population
        self._population = []
        for parent in parents:
            for representation in variants:
                child = parent.child()
                child.machine.move(step.inputs, representation, step.a)
                self._population.append(child)

    def _select(self) -> None:
        scores = [sum(own.right) for own in self._population]
        best = sorted(range(len(scores)), key=lambda i: -scores[i])
        kept = sum(score >= PREDICTED for score in scores)
        self._population = [self._population[i] for i in sorted(best[: max(kept, SURVIVORS)])]


class Probabilistic:
    """The probabilistic attack: `chance[i][v]` is that of weight i of A being v - L.

    Klimov, Mityagin, Shamir 2002, section 4. Weights count as independent, local fields as normal.
    In a package `chance` is of the weights at its start, by which all its outputs are made.
    """

    def __init__(self, parameters: MachineParameters) -> None:
        self._parameters = parameters
        values = 2 * parameters.L + 1
        self.chance = [[1 / values] * values for _ in range(parameters.weights)]

    def listen(self, package: Sequence[Heard]) -> None:
        """The steps of one package."""
        values = range(len(self.chance[0]))
        # joint[i][v][w]: weight i was v at the start and is w now.
        joint = [[[p * (v == w) for w in values] for v, p in enumerate(own)] for own in self.chance]
        for step in package:
            self._hear(step, joint)
        self.chance = [[sum(row[w] for row in rows) for w in values] for rows in joint]

    def _hear(self, step: Heard, joint: list[list[list[float]]]) -> None:
        K, N, L = self._parameters.K, self._parameters.N, self._parameters.L
        inputs, a = step.inputs, step.a
        values = range(-L, L + 1)
        means = [sum(p * w for p, w in zip(own, values, strict=True)) for own in self.chance]
        spreads = [
            sum(p * (w - mean) ** 2 for p, w in zip(own, values, strict=True))
            for own, mean in zip(self.chance, means, strict=True)
        ]
        units = [range(unit * N, (unit + 1) * N) for unit in range(K)]
        fields = [sum(means[i] * inputs[i] for i in unit) for unit in units]
        variances = [sum(spreads[i] for i in unit) for unit in units]
        signs = [2 * positive(m, v) - 1 for m, v in zip(fields, variances, strict=True)]
        factor = {Rule.HEBBIAN: a, Rule.ANTI_HEBBIAN: -a, Rule.RANDOM_WALK: 1}
        move = factor[self._parameters.rule]
        for unit in range(K):
            rest = prod(sign for other, sign in enumerate(signs) if other != unit)
            for i in units[unit]:
                revised = []
                for w, row in zip(values, joint[i], strict=True):
                    mean = fields[unit] + inputs[i] * (w - means[i])
                    up = positive(mean, variances[unit] - spreads[i])
                    equal = (up if a > 0 else 1 - up) * (1 + rest) / 2
                    opposite = (1 - up if a > 0 else up) * (1 - rest) / 2
                    fresh = [0.0] * len(values)
                    for now, p in zip(values, row, strict=True):
                        target = max(-L, min(L, now + move * inputs[i])) if a == step.b else now
                        fresh[target + L] += p * equal
                        fresh[now + L] += p * opposite
                    revised.append(fresh)
                total = sum(map(sum, revised))
                if total >= 1e-300:  # else the approximation excluded what happened
                    joint[i] = [[p / total for p in row] for row in revised]
                    self.chance[i] = [sum(row) for row in joint[i]]


def positive(mean: float, variance: float) -> float:
    """P(h > 0) of an integer with this mean and variance, as of a normal number above one half."""
    return 0.5 * erfc((0.5 - mean) / sqrt(2 * max(variance, 1e-6)))


def machine_of(parameters: MachineParameters, weights: bytes) -> Machine:
    """The machine with these canonical weights (signed bytes)."""
    return Machine(parameters, [byte - 256 if byte > 127 else byte for byte in weights])
