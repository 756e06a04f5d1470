"""What comes of simulated runs: steps, an attacker's knowledge, and its work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil

import numpy as np
from numpy.typing import NDArray

from dynamicrypt.lab.statistics import Estimate, Proportion, mean, proportion


class Criterion(Enum):
    """When an attacker counts as successful."""

    NEARLY = "98"
    EQUAL = "equal"

    def threshold(self, weights: int) -> int:
        """How many of so many weights an attacker has to know.

        98 % is the criterion of the published figures: what is left is found by trying.
        """
        return ceil(weights * 98 / 100) if self is Criterion.NEARLY else weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Results of runs, one entry for each, in an order that the seed fixes.

    `steps` to full synchronisation, -1 where the limit came first. `matched` is how many of A's
    weights the best attacker had when the weights became a key, of `weights` in all. `work` is in
    attacker-steps: one machine listening to one step.
    """

    weights: int
    steps: NDArray[np.int64]
    matched: NDArray[np.int32]
    work: NDArray[np.int64]

    @property
    def runs(self) -> int:
        """The number of runs."""
        return len(self.steps)

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Which runs synchronised."""
        return self.steps >= 0

    @property
    def unsynchronised(self) -> int:
        """The number of runs that did not."""
        return int((~self.finished).sum())

    @property
    def mean_steps(self) -> Estimate:
        """Mean number of steps of the runs that synchronised."""
        return mean(self.steps[self.finished])

    def success(self, criterion: Criterion = Criterion.NEARLY) -> Proportion:
        """Share of the synchronised runs in which the attacker was successful."""
        known = self.matched[self.finished] >= criterion.threshold(self.weights)
        return proportion(int(known.sum()), len(known))

    @classmethod
    def joined(cls, parts: Sequence[Outcome]) -> Outcome:
        """The runs of several outcomes of one kind, one after the other."""
        return cls(
            weights=parts[0].weights,
            steps=np.concatenate([part.steps for part in parts]),
            matched=np.concatenate([part.matched for part in parts]),
            work=np.concatenate([part.work for part in parts]),
        )
