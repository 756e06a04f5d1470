"""The attacks in plain Python: the definitions that the compiled simulation is held against.

Written to be read, not to be fast. Every attacker listens to inputs and to both outputs; what it
does in a learning step, when the partners' outputs agree, is Ruttor 2006, sections 4.1.1 to 4.1.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as combinations

from dynamicrypt.params import MachineParameters
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


def machine_of(parameters: MachineParameters, weights: bytes) -> Machine:
    """The machine with these canonical weights (signed bytes)."""
    return Machine(parameters, [byte - 256 if byte > 127 else byte for byte in weights])
