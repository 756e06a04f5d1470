"""The attacks in plain Python: the definitions that the compiled simulation is held against.

Written to be read, not to be fast. Every attacker listens to inputs and to both outputs; what it
does in a learning step, when the partners' outputs agree, is Ruttor 2006, sections 4.1.1 to 4.1.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as combinations
from math import erfc, prod, sqrt

from dynamicrypt.params import MachineParameters, Rule
from dynamicrypt.tpm.reference import Machine, product, sign

#: Steps of a run that a majority attack makes geometrically before the first vote.
MAJORITY_FROM = 100
#: Learning outputs that the genetic attack looks back on (V), and how many of them a machine must
#: have predicted (U); so many machines stay in any case.
HISTORY, PREDICTED, SURVIVORS = 20, 10, 20


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

    def listen(self, inputs: Sequence[int], a: int, b: int) -> None:
        """One step with the partners' outputs `a` and `b`."""
        self._step += 1
        if a != b:
            return
        chosen = [corrected(machine, inputs, a) for machine in self.machines]
        if self._step > MAJORITY_FROM and self._step % 2 == 0:
            candidates = representations(self.machines[0].parameters.K, a)
            votes = [sum(tuple(own) == each for own in chosen) for each in candidates]
            chosen = [list(candidates[votes.index(max(votes))])] * len(self.machines)
        for machine, representation in zip(self.machines, chosen, strict=True):
            machine.move(inputs, representation, a)


class Genetic:
    """The genetic attack: machines that multiply while they are few, and die if they guess wrong.

    Klimov, Mityagin, Shamir 2002; at most `most` machines at a time.
    """

    def __init__(self, machine: Machine, most: int) -> None:
        self.machines = [machine]
        self._most = most
        self._right = [[True] * HISTORY]

    def listen(self, inputs: Sequence[int], a: int, b: int) -> None:
        """One step with the partners' outputs `a` and `b`."""
        if a != b:
            return
        self._right = [
            [*right[1:], machine.evaluate(inputs) == a]
            for machine, right in zip(self.machines, self._right, strict=True)
        ]
        variants = representations(self.machines[0].parameters.K, a)
        if len(variants) > 1 and len(self.machines) * len(variants) <= self._most:
            self._branch(inputs, a, variants)
        else:
            self._select()
            for machine in self.machines:
                machine.move(inputs, corrected(machine, inputs, a), a)

    def _branch(self, inputs: Sequence[int], output: int, variants: list[tuple[int, ...]]) -> None:
        parents = self.machines
        self.machines = []
        for parent in parents:
            for representation in variants:
                child = Machine(parent.parameters, parent.weights)
                child.move(inputs, representation, output)
                self.machines.append(child)
        self._right = [right for right in self._right for _ in variants]

    def _select(self) -> None:
        scores = [sum(right) for right in self._right]
        best = sorted(range(len(scores)), key=lambda i: -scores[i])
        kept = sum(score >= PREDICTED for score in scores)
        stay = sorted(best[: max(kept, SURVIVORS)])
        self.machines = [self.machines[i] for i in stay]
        self._right = [self._right[i] for i in stay]


class Probabilistic:
    """The probabilistic attack: `chance[i][v]` is that of weight i of A being v - L.

    Klimov, Mityagin, Shamir 2002, section 4. Weights count as independent, local fields as normal.
    """

    def __init__(self, parameters: MachineParameters) -> None:
        self._parameters = parameters
        values = 2 * parameters.L + 1
        self.chance = [[1 / values] * values for _ in range(parameters.weights)]

    def listen(self, inputs: Sequence[int], a: int, b: int) -> None:
        """One step with the partners' outputs `a` and `b`."""
        K, N, L = self._parameters.K, self._parameters.N, self._parameters.L
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
                revised = [0.0] * len(values)
                for w in values:
                    mean = fields[unit] + inputs[i] * (w - means[i])
                    up = positive(mean, variances[unit] - spreads[i])
                    equal = (up if a > 0 else 1 - up) * (1 + rest) / 2
                    opposite = (1 - up if a > 0 else up) * (1 - rest) / 2
                    target = max(-L, min(L, w + move * inputs[i])) if a == b else w
                    revised[target + L] += self.chance[i][w + L] * equal
                    revised[w + L] += self.chance[i][w + L] * opposite
                total = sum(revised)
                if total >= 1e-300:  # else the approximation excluded what happened
                    self.chance[i] = [p / total for p in revised]


def positive(mean: float, variance: float) -> float:
    """P(h > 0) of an integer with this mean and variance, as of a normal number above one half."""
    return 0.5 * erfc((0.5 - mean) / sqrt(2 * max(variance, 1e-6)))


def machine_of(parameters: MachineParameters, weights: bytes) -> Machine:
    """The machine with these canonical weights (signed bytes)."""
    return Machine(parameters, [byte - 256 if byte > 127 else byte for byte in weights])
