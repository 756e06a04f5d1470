"""What a step limit buys: strength against what the partners pay for it.

A limit keeps the pairs that synchronise early, which are the hardest to follow for a single
machine, and costs the runs of the others. One experiment without a tight limit tells of all tighter
ones: what a pair and its attacker do until they meet does not depend on when the partners would
have given up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from dynamicrypt.lab.attacks import Attack, Geometric, Simple
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.outcome import Outcome
from dynamicrypt.lab.strength import Cost, cheapest, cost_of

#: Shares of the runs that are kept.
SHARES: Final = (0.5, 0.25, 0.1, 0.05, 0.025)

#: The attacks with one machine, which are cheap enough to be run often. What the particle attack
#: takes off is in docs/profiles.md.
ATTACKS: Final[tuple[Attack, ...]] = (Simple(), Geometric())

#: Runs without an attack that find the median, and the share of the runs within the widest limit.
PILOTS: Final = 2000
WIDEST: Final = 0.55


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A step limit, the share of the runs that it keeps, and what that costs and gives.

    `steps` is what one side's machine learns for one run that is kept, up to synchronisation, runs
    in vain included. `attack` is the cheapest one on the keys that are kept.
    """

    limit: int
    kept: float
    steps: float
    attack: Cost

    @property
    def bits(self) -> float:
        """Strength of a key of one machine; infinite where no attack succeeded."""
        return self.attack.strength()


def limits(
    exchange: Exchange,
    *,
    runs: int,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
    threads: int | None = None,
) -> Iterator[Limit]:
    """The limits that keep these shares of the runs of an exchange, the widest first.

    Shares that keep nothing are left out. Raises ValueError if pairs hardly ever synchronise within
    the limit of the exchange.
    """
    wide = replace(exchange, limit=_quantile_of_pilots(exchange, seed, threads))
    outcomes = [
        Experiment(exchange=wide, attack=attack, runs=runs, seed=seed).run(threads=threads)
        for attack in ATTACKS
    ]
    for share in sorted(shares, reverse=True):
        if share > WIDEST:
            raise ValueError(f"a share of {share} is more than {WIDEST}")
        limit = _limit(outcomes[0], share, wide)
        thinned = [_kept(outcome, limit) for outcome in outcomes]
        if all(outcome.finished.any() for outcome in thinned):
            kept = float(thinned[0].finished.mean())
            spent = np.where(thinned[0].finished, thinned[0].steps, limit)
            yield Limit(
                limit=limit,
                kept=kept,
                steps=float(spent.mean()) / kept,
                attack=cheapest(list(map(cost_of, ATTACKS, thinned))),
            )


def _quantile_of_pilots(exchange: Exchange, seed: int, threads: int | None) -> int:
    pilots = Experiment(exchange=exchange, runs=PILOTS, seed=seed).run(threads=threads)
    if pilots.finished.mean() < WIDEST:
        raise ValueError("fewer than half of the pairs synchronise within the limit")
    return int(np.quantile(np.where(pilots.finished, pilots.steps, exchange.limit), WIDEST))


def _limit(outcome: Outcome, share: float, exchange: Exchange) -> int:
    """The limit, whole packages, that keeps about this share; fewer where few runs synchronised."""
    steps = np.where(outcome.finished, outcome.steps, exchange.limit)
    limit = int(np.partition(steps, int(share * len(steps)))[int(share * len(steps))])
    return -(-limit // exchange.package) * exchange.package


def _kept(outcome: Outcome, limit: int) -> Outcome:
    """The same runs, of which those above the limit count as failed."""
    return replace(outcome, steps=np.where(outcome.steps <= limit, outcome.steps, -1))
