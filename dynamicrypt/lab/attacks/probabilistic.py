"""The probabilistic attack: a distribution for every weight, revised with every public step.

Klimov, Mityagin, Shamir, "Analysis of neural cryptography", ASIACRYPT 2002, section 4. Ours takes
local fields as normal and applies Bayes' rule in steps without learning too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dynamicrypt._core import probabilistic_runs
from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.attacks.attack import refuse_delay
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Probabilistic:
    """One set of distributions listens to each pair; it has no randomness to restart with.

    Packages are heard as if their steps came one after the other (B up to 64). Its work counts as
    one attacker-step to a step, though such a step costs about 100 times more.
    """

    name: ClassVar[str] = "probabilistic"

    def group_size(self, exchange: Exchange, runs: int) -> int:
        """See Attack."""
        return min(max(runs // 16, 1), 64)

    def run_group(self, exchange: Exchange, key: int, number: int, runs: int) -> Outcome:
        """See Attack."""
        refuse_delay(exchange)
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
            limit=exchange.limit,
        )
        return Outcome(
            weights=exchange.machine.weights,
            steps=steps,
            matched=matched,
            work=np.where(steps < 0, exchange.limit, steps),
        )
