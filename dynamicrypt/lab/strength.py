"""What it costs to recover one recorded key, if nothing but the machines protected it.

The strength of an exchange is log2 of the least work of any attack of the lab: attempts until one
succeeds, each with its attacker-steps. It is measured on the weights that are hashed, for all keys
and for the slowest tenth of them, which an eavesdropper follows best.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, log2
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dynamicrypt.lab.attacks import Attack, Genetic, Geometric, Majority, Probabilistic, Simple
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.outcome import Criterion, Outcome
from dynamicrypt.lab.statistics import Estimate, proportion, wilson
from dynamicrypt.params import ExchangeParameters

#: Ensembles that are tried: one machine, restarts, votes and populations of growing size.
ATTACKS: Final[tuple[Attack, ...]] = (
    Simple(),
    Geometric(),
    Majority(attackers=30),
    Majority(attackers=100),
    Genetic(attackers=256),
    Genetic(attackers=1024),
    Genetic(attackers=4096),
    Genetic(attackers=16384),
    Probabilistic(),
)

#: Share of the keys that are called slow.
SLOW: Final = 0.1

#: How many times the time of a run of one geometric machine a run of the probabilistic attack takes
#: (K = 6, N = 48), and the fewest runs of a dear attack.
PROBABILISTIC_MACHINES: Final = 10_000
FEWEST: Final = 40


#: Successes that it takes to tell the slowest tenth from the others.
TELLING: Final = 5


def balanced_runs(attack: Attack, runs: int) -> int:
    """As many runs of an attack as take about the time of `runs` of a single machine."""
    machines: int = getattr(attack, "attackers", PROBABILISTIC_MACHINES)
    return min(runs, max(FEWEST, runs // machines))


def exchange_of(parameters: ExchangeParameters) -> Exchange:
    """The exchange of a channel's machines, to be simulated one pair at a time.

    Probes come after so many agreements, at the end of a package: the delay is that of both.
    """
    return Exchange(
        machine=parameters.machine,
        query=None if parameters.query is None else parameters.query / 1000,
        package=parameters.package,
        limit=parameters.step_limit,
        delay=parameters.agreements + parameters.package,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One attack's success and work; attacker-steps of a geometric machine are the unit.

    `work` is of one attempt, `success` and `slow_success` its chance against any key and against
    one of the slowest tenth.
    """

    attack: Attack
    runs: int
    wins: int
    success: Estimate
    slow_success: Estimate
    slow_wins: int
    slow_runs: int
    work: float
    slow_work: float

    def bits(self, machines: int = 1) -> float:
        """log2 of the work until a key falls; infinite where no attempt succeeded."""
        return _bits(machines * self.work, self.success.value)

    def slow_bits(self, machines: int = 1) -> float:
        """The same for one of the slowest tenth."""
        return _bits(machines * self.slow_work, self.slow_success.value)

    def strength(self, machines: int = 1) -> float:
        """Bits against the slowest tenth, or against all keys where too few of them show it."""
        return (self.slow_bits if self._slow_tells else self.bits)(machines)

    def least(self, machines: int = 1) -> float:
        """What 95 % confidence leaves of it: the success may be at the top of its interval."""
        if self._slow_tells:
            return _bits(machines * self.slow_work, wilson(self.slow_wins, self.slow_runs)[1])
        return _bits(machines * self.work, wilson(self.wins, self.runs)[1])

    @property
    def _slow_tells(self) -> bool:
        return self.slow_wins >= TELLING


def _bits(work: float, success: float) -> float:
    return log2(work / success) if success > 0 else inf


def step_seconds(attack: Attack, exchange: Exchange) -> float:
    """Processor seconds of one attacker-step, the partners' share included."""
    experiment = Experiment(exchange=exchange, attack=attack, runs=1)
    start = time.thread_time()
    outcome = attack.run_group(exchange, experiment.key, 0, 1)
    seconds = time.thread_time() - start
    return seconds / max(int(outcome.work.sum()), 1)


def yardstick(exchange: Exchange) -> float:
    """Processor seconds of the unit of work: one step of one of as many as fill the lanes."""
    return step_seconds(
        Geometric(attackers=510), replace(exchange, limit=min(exchange.limit, 2000))
    )


def slowest(steps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which runs are among the slowest tenth of those that synchronised."""
    finished = steps >= 0
    if not finished.any():
        return finished
    return finished & (steps >= np.quantile(steps[finished], 1 - SLOW))


def cost_of(attack: Attack, outcome: Outcome, *, unit: float = 1.0) -> Cost:
    """The cost that an outcome shows, some of whose runs synchronised.

    One of its attacker-steps counts as `unit` of them.
    """
    slow = slowest(outcome.steps)
    finished = outcome.finished
    known = outcome.matched >= Criterion.EQUAL.threshold(outcome.weights)
    wins, count = int(known[slow].sum()), int(slow.sum())
    all_wins, kept = int(known[finished].sum()), int(finished.sum())
    return Cost(
        attack=attack,
        runs=kept,
        wins=all_wins,
        success=proportion(all_wins, kept),
        slow_success=proportion(wins, count),
        slow_wins=wins,
        slow_runs=count,
        work=unit * float(outcome.work[finished].mean()),
        slow_work=unit * float(outcome.work[slow].mean()),
    )


def costs(
    exchange: Exchange,
    *,
    runs: Callable[[Attack], int],
    attacks: Sequence[Attack] = ATTACKS,
    seed: int = 0,
    threads: int | None = None,
) -> Iterator[Cost]:
    """The cost of each attack on an exchange.

    Attacks that do not fit it are left out, and those in whose runs no pair synchronised.

    A step of the probabilistic attack counts as many as it takes the time of.
    """
    yard = yardstick(exchange)
    for attack in attacks:
        if not fits(attack, exchange):
            continue
        outcome = Experiment(exchange=exchange, attack=attack, runs=runs(attack), seed=seed).run(
            threads=threads
        )
        if not outcome.finished.any():
            continue
        unit = 1.0
        if isinstance(attack, Probabilistic):
            unit = step_seconds(attack, replace(exchange, limit=20, delay=0)) / yard
        yield cost_of(attack, outcome, unit=unit)


def fits(attack: Attack, exchange: Exchange) -> bool:
    """Whether the simulation can run the attack on this exchange."""
    K = exchange.machine.K
    if isinstance(attack, Genetic):
        return 1 < K <= 7
    if isinstance(attack, Majority):
        return K <= 12
    return not (isinstance(attack, Probabilistic) and exchange.secret_inputs)


def cheapest(found: Sequence[Cost]) -> Cost:
    """The attack of least work; if none succeeded, the one that was tried most often."""
    return min(found, key=lambda cost: (cost.strength(), -cost.runs))
