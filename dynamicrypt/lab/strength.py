"""What it costs to recover one recorded key, if nothing but the machines protected it.

The strength of an exchange is log2 of the least work of any attack of the lab: attempts until one
succeeds, each with its attacker-steps. It is measured on the weights that are hashed, for all keys
and for the slowest and the quickest tenth of them; those that are easiest to follow count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, log2
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dynamicrypt.lab.attacks import (
    Attack,
    Genetic,
    Geometric,
    Majority,
    Particle,
    Probabilistic,
    Simple,
)
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
    Particle(attackers=100),
    Particle(attackers=200),
    Particle(attackers=1000),
    Probabilistic(),
)

#: Share of the keys that are called slow, and of those that are called quick.
TENTH: Final = 0.1

#: Steps of a package that the particle and the probabilistic attack can hear.
LARGEST_PACKAGE: Final = 64

#: How many times the time of a run of one geometric machine a run of the probabilistic attack takes
#: (K = 6, N = 48), and the fewest runs of a dear attack.
PROBABILISTIC_MACHINES: Final = 10_000
FEWEST: Final = 40


#: Successes that it takes to tell a tenth from the others: the least of three estimates would else
#: be one that chance has made small.
TELLING: Final = 10


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
class Keys:
    """What one attack did to a share of the keys: how many fell, and the work of an attempt.

    Looking at pairs that were equal from the start counts as one step.
    """

    runs: int
    wins: int
    work: float

    @property
    def success(self) -> Estimate:
        """The chance of an attempt."""
        return proportion(self.wins, self.runs)

    def bits(self, machines: int = 1) -> float:
        """log2 of the work until a key falls; infinite where no attempt succeeded."""
        return log2(machines * self._attempt * self.runs / self.wins) if self.wins else inf

    def least(self, machines: int = 1) -> float:
        """What 95 % confidence leaves of it: the success may be at the top of its interval."""
        return log2(machines * self._attempt / wilson(self.wins, self.runs)[1])

    @property
    def _attempt(self) -> float:
        return max(self.work, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One attack's success and work; attacker-steps of a geometric machine are the unit.

    Of all keys, the slowest tenth and the quickest tenth of them: an attacker sees which is which.
    """

    attack: Attack
    every: Keys
    slow: Keys
    quick: Keys

    @property
    def easiest(self) -> Keys:
        """The tenth that takes the least work, or all keys where too few of it fell to tell."""
        telling = [keys for keys in (self.slow, self.quick) if keys.wins >= TELLING]
        return min((self.every, *telling), key=Keys.bits)

    def strength(self, machines: int = 1) -> float:
        """log2 of the work until one of the easiest falls; infinite where no attempt succeeded."""
        return self.easiest.bits(machines)

    def least(self, machines: int = 1) -> float:
        """What 95 % confidence leaves of it."""
        return self.easiest.least(machines)


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


def cost_of(attack: Attack, outcome: Outcome, *, unit: float = 1.0) -> Cost:
    """The cost that an outcome shows, some of whose runs synchronised.

    One of its attacker-steps counts as `unit` of them.
    """
    finished = outcome.finished
    low, high = np.quantile(outcome.steps[finished], (TENTH, 1 - TENTH))
    known = outcome.matched >= Criterion.EQUAL.threshold(outcome.weights)

    def keys(chosen: NDArray[np.bool_]) -> Keys:
        return Keys(
            runs=int(chosen.sum()),
            wins=int(known[chosen].sum()),
            work=unit * float(outcome.work[chosen].mean()),
        )

    return Cost(
        attack=attack,
        every=keys(finished),
        slow=keys(finished & (outcome.steps >= high)),
        quick=keys(finished & (outcome.steps <= low)),
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
    if isinstance(attack, Particle):
        return attack.hears(exchange) and exchange.package <= LARGEST_PACKAGE
    if isinstance(attack, Probabilistic):
        return not exchange.secret_inputs and exchange.package <= LARGEST_PACKAGE
    return True


def cheapest(found: Sequence[Cost]) -> Cost:
    """The attack of least work; if none succeeded, the one that was tried most often."""
    return min(found, key=lambda cost: (cost.strength(), -cost.every.runs))
