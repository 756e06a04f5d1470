"""How a key's machines come to their end, and what it gives an attacker: fusion, order, lateness.

All functions take the runs of an attack in the order in which the lab made them: consecutive runs
of a group go on side by side, as the machines of a bank do, with inputs from one seed in streams of
their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heapreplace
from math import inf, log2

import numpy as np
from numpy.typing import NDArray

from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.outcome import Outcome
from dynamicrypt.lab.statistics import Proportion, proportion


def known(outcome: Outcome, *, short: int = 0) -> NDArray[np.bool_]:
    """In which of the runs that synchronised the attacker had all weights but at most `short`."""
    return outcome.matched[outcome.finished] >= outcome.weights - short


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """Keys of `machines` machines under an attack on each.

    `together` is the share of keys of which one attempt at every machine gave all; `product` is
    that of one machine to the power of `machines`, what independent machines would have. The bits
    are log2 of the attacker-steps for one key: attempts at all machines until all succeed at once,
    and attempts at one machine after the other, each until it succeeds. The second is what an
    attacker needs who can tell that a machine is won. Both are infinite where no attempt succeeded;
    the least bits are those that the tops of the intervals of 95 % leave. `work` is in
    attacker-steps for one attempt at all machines.
    """

    machines: int
    keys: int
    single: Proportion
    together: Proportion
    product: Proportion
    work: float

    @property
    def bits_together(self) -> float:
        """Bits of attempts at all machines."""
        return _bits(self.work, self.together.value)

    @property
    def least_together(self) -> float:
        """What 95 % confidence leaves of them."""
        return _bits(self.work, self.together.interval[1])

    @property
    def bits_one_by_one(self) -> float:
        """Bits of attempts at one machine after the other."""
        return _bits(self.work, self.single.value)

    @property
    def least_one_by_one(self) -> float:
        """What 95 % confidence leaves of them."""
        return _bits(self.work, self.single.interval[1])

    @property
    def independent(self) -> bool:
        """Whether both shares may be the same number."""
        return self.together.agrees_with(self.product)


def fused(outcome: Outcome, machines: int, order: NDArray[np.int64] | None = None) -> Fusion:
    """Every `machines` consecutive runs that synchronised make a key.

    `order` gives other neighbours, e.g. those of `order_of_passes`.
    """
    hits = known(outcome)
    if order is not None:
        hits = hits[order]
    keys = len(hits) // machines
    together = hits[: keys * machines].reshape(keys, machines).all(axis=1)
    won = int(hits.sum())
    return Fusion(
        machines=machines,
        keys=keys,
        single=proportion(won, len(hits)),
        together=proportion(int(together.sum()), keys),
        product=proportion(won, len(hits), machines),
        work=machines * float(outcome.work[outcome.finished].mean()),
    )


def _bits(work: float, success: float) -> float:
    return log2(max(work, 1.0) / success) if success > 0 else inf


def order_of_passes(outcome: Outcome, exchange: Exchange, machines: int) -> NDArray[np.int64]:
    """The runs that synchronised, in the order in which a bank of `machines` would pass them.

    Each run goes to the machine that is free first. Runs in vain take their machine's time up to
    the limit. The indices count the runs that synchronised only.
    """
    free = [(0, machine) for machine in range(machines)]
    heapify(free)
    ends = np.empty(outcome.runs, np.int64)
    for run, steps in enumerate(outcome.steps.tolist()):
        now, machine = free[0]
        ends[run] = now + (exchange.limit if steps < 0 else steps + exchange.delay)
        heapreplace(free, (int(ends[run]), machine))
    return np.argsort(ends[outcome.finished], kind="stable")


def success_by_rank(outcome: Outcome, bank: int = 10) -> list[Proportion]:
    """Success against the first, second, ... to finish of every `bank` consecutive runs."""
    finished = outcome.steps[outcome.finished]
    groups = len(finished) // bank
    steps = finished[: groups * bank].reshape(groups, bank)
    hits = known(outcome)[: groups * bank].reshape(groups, bank)
    ranked = np.take_along_axis(hits, np.argsort(steps, axis=1, kind="stable"), axis=1)
    return [proportion(int(column.sum()), groups) for column in ranked.T]


def within(outcome: Outcome, short: int) -> Proportion:
    """Share of the runs in which the attacker misses at most `short` weights."""
    hits = known(outcome, short=short)
    return proportion(int(hits.sum()), len(hits))
