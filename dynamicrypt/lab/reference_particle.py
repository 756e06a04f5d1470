"""The particle attack in plain Python: the definition that the compiled one is held against.

As dynamicrypt.lab.reference, whose words it uses; what the attack is for says
dynamicrypt.lab.attacks.particle.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import exp, log, prod

from dynamicrypt.lab.reference import Heard, positive
from dynamicrypt.params import MachineParameters, Rule
from dynamicrypt.tpm.reference import Machine, product


class Drift:
    """Where weights drift to: `chance[i][v]` is that of weight i being v - L.

    In a learning step a weight moves with the chance that its unit does, given the output. Fields
    count as normal.
    """

    def __init__(self, parameters: MachineParameters) -> None:
        self._parameters = parameters
        values = 2 * parameters.L + 1
        self.chance = [[1 / values] * values for _ in range(parameters.weights)]

    def listen(self, package: Sequence[Heard]) -> None:
        """The steps of one package; fields are of the distributions at its start."""
        K, N, L = self._parameters.K, self._parameters.N, self._parameters.L
        values = range(-L, L + 1)
        means = [sum(p * w for p, w in zip(own, values, strict=True)) for own in self.chance]
        squares = [sum(p * w * w for p, w in zip(own, values, strict=True)) for own in self.chance]
        units = [range(unit * N, (unit + 1) * N) for unit in range(K)]
        variances = [sum(squares[i] - means[i] ** 2 for i in unit) for unit in units]
        for step in package:
            if step.a != step.b:
                continue
            fields = [sum(means[i] * step.inputs[i] for i in unit) for unit in units]
            signs = [2 * positive(m, v) - 1 for m, v in zip(fields, variances, strict=True)]
            factor = {Rule.HEBBIAN: step.a, Rule.ANTI_HEBBIAN: -step.a, Rule.RANDOM_WALK: 1}
            for unit in range(K):
                rest = prod(sign for other, sign in enumerate(signs) if other != unit)
                moves = (1 + step.a * signs[unit]) * (1 + rest)
                stays = (1 - step.a * signs[unit]) * (1 - rest)
                q = moves / (moves + stays)
                for i in units[unit]:
                    fresh = [p * (1 - q) for p in self.chance[i]]
                    for w, p in zip(values, self.chance[i], strict=True):
                        target = w + factor[self._parameters.rule] * step.inputs[i]
                        fresh[max(-L, min(L, target)) + L] += p * q
                    self.chance[i] = fresh


class Particles:
    """The particle attack: machines that guess where they doubt, judged by what they predict.

    `flip` and `doubt` are the standard deviations of the noise that they take their fields to have
    when they guess and when they are judged; `uniform` gives numbers of [0, 1).
    """

    def __init__(
        self,
        machines: Sequence[Machine],
        *,
        flip: float,
        doubt: float,
        share: float,
        fewest: int,
        uniform: Callable[[], float],
    ) -> None:
        self.machines = list(machines)
        self._noise = (flip, doubt)
        self._share, self._fewest = share, fewest
        self._uniform = uniform
        self._scores = [0.0] * len(self.machines)

    def listen(self, package: Sequence[Heard]) -> None:
        """The steps of one package; all representations and predictions are of its start."""
        for number, machine in enumerate(self.machines):
            plans = []
            for step in package:
                fields = machine.fields(step.inputs)
                flips, doubts = ([positive(h, s * s) for h in fields] for s in self._noise)
                expected = prod(2 * up - 1 for up in doubts)
                self._scores[number] += log((1 + step.a * expected) / 2 + 1e-6)
                plans.append(self._guess(flips, step.a) if step.a == step.b else [])
            for step, plan in zip(package, plans, strict=True):
                if plan:
                    machine.move(step.inputs, plan, step.a)

    def _guess(self, up: Sequence[float], output: int) -> list[int]:
        """An internal representation that gives `output`, drawn unit after unit."""
        representation: list[int] = []
        for unit in range(len(up) - 1):
            wanted = output * product(representation)
            rest = prod(2 * p - 1 for p in up[unit + 1 :])
            plus = up[unit] * (1 + wanted * rest)
            minus = (1 - up[unit]) * (1 - wanted * rest)
            representation.append(1 if self._uniform() * (plus + minus) < plus else -1)
        return [*representation, output * product(representation)]

    def select(self) -> None:
        """Draw the machines that live on: at equal distances on the sum of exp(score)."""
        before = len(self.machines)
        left = min(before, max(self._fewest, int(before * self._share)))
        best = max(self._scores)
        sums = list(accumulate(exp(score - best) for score in self._scores))
        start = self._uniform()
        marks = [(start + i) * sums[-1] / left for i in range(left)]
        chosen = [min(bisect_right(sums, mark), before - 1) for mark in marks]
        self.machines = [
            Machine(self.machines[i].parameters, self.machines[i].weights) for i in chosen
        ]
        self._scores = [0.0] * left
