"""The probabilistic attack: a distribution for every weight, revised with every public step.

Klimov, Mityagin, Shamir, "Analysis of neural cryptography", ASIACRYPT 2002, section 4. Ours takes
local fields as normal and applies Bayes' rule in steps without learning too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dynamicrypt._core import probabilistic_beliefs, probabilistic_runs
from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.outcome import Outcome
from dynamicrypt.params import MachineParameters


def beliefs(
    machine: MachineParameters,
    inputs: NDArray[np.int8],
    a: NDArray[np.int8],
    b: NDArray[np.int8],
    *,
    package: int = 1,
) -> NDArray[np.float64]:
    """The chance of every value -L..L of every weight of A after a recorded exchange.

    `inputs` has the shape (steps, K*N), the outputs `a` and `b` have `steps` entries, all -1 or +1;
    the result has the shape (K*N, 2L+1). Raises ValueError for other shapes.
    """
    chance = np.empty((machine.weights, 2 * machine.L + 1))
    shape = Exchange(machine=machine).shape
    probabilistic_beliefs(*shape, inputs, a, b, chance, package=package)
    return chance


@dataclass(frozen=True, slots=True)
class Probabilistic:
    """One set of distributions listens to each pair; it has no randomness to restart with.

    In packages (B up to 64) it knows that outputs come from the weights at their start. Its work
    counts as one attacker-step to a step, though such a step costs thousands of times more.
    """

    name: ClassVar[str] = "probabilistic"

    def group_size(self, exchange: Exchange, runs: int) -> int:
        """See Attack."""
        return min(max(runs // 16, 1), 64)

    def run_group(self, exchange: Exchange, key: int, number: int, runs: int) -> Outcome:
        """See Attack."""
        if exchange.secret_inputs:
            raise ParameterError("without the inputs the probabilistic attack has nothing to hear")
        steps = np.empty(runs, np.int64)
        matched = np.zeros(runs, np.int32)
        probabilistic_runs(
            *exchange.shape,
            key,
            number,
            steps,
            matched,
            package=exchange.package,
            field=exchange.field,
            delay=exchange.delay,
            limit=exchange.limit,
        )
        return Outcome(
            weights=exchange.machine.weights,
            steps=steps,
            matched=matched,
            work=np.where(steps < 0, exchange.limit, steps + exchange.delay),
        )
