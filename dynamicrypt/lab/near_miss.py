"""Pairs that nearly agree when their time is up: what repair would gain, and whom.

At the step limit each pair is looked at with a geometric attacker that listened to it. Two ways to
repair: to go on for some steps, or to find the weights that differ, by comparing hashes of parts of
them, and to drop these weights, which become public. The attacker needs the other weights only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dynamicrypt._core import Lockstep
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.instructions import instruction_set
from dynamicrypt.lab.statistics import Proportion, proportion

LANES: Final = 512

#: Missing weights that an attacker finds by trial if he can check his guesses: of 300 weights and
#: L = 3 there are 300 * 299 * 298 / 6 * 6**3, about 2**30.
GUESSED: Final = 3

Weights = NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """Pairs at the step limit and at some times after it; one entry for each pair.

    `differing` weights of A and B at the limit. `attacker_missing` is how many weights the attacker
    lacked of those in which the partners agreed. `met` and `attacker_equal` have a column for each
    time of `later`: whether A and B were equal, and whether the attacker had all of A's weights.
    """

    limit: int
    later: tuple[int, ...]
    differing: NDArray[np.int64]
    attacker_missing: NDArray[np.int64]
    met: NDArray[np.bool_]
    attacker_equal: NDArray[np.bool_]

    def between(self, fewest: int, most: int) -> Miss:
        """What became of the pairs in which so many weights differed."""
        chosen = (self.differing >= fewest) & (self.differing <= most)
        met, equal = self.met[chosen], self.attacker_equal[chosen]
        count = int(chosen.sum())
        return Miss(
            fewest=fewest,
            most=most,
            share=proportion(count, len(chosen)),
            met=[proportion(int(column.sum()), count) for column in met.T],
            known=[
                proportion(int((heard & same).sum()), int(same.sum()))
                for heard, same in zip(equal.T, met.T, strict=True)
            ],
            known_rest=self._lacking(chosen, 0),
            guessed_rest=self._lacking(chosen, GUESSED),
        )

    def _lacking(self, chosen: NDArray[np.bool_], most: int) -> Proportion:
        return proportion(int((self.attacker_missing[chosen] <= most).sum()), int(chosen.sum()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Pairs with `fewest` to `most` differing weights at the limit, `share` of all.

    Of them `met` were equal at each later time, and of these the attacker had the share `known`.
    If the differing weights are dropped at the limit, he has all others in the share `known_rest`,
    and all but GUESSED in `guessed_rest`.
    """

    fewest: int
    most: int
    share: Proportion
    met: list[Proportion]
    known: list[Proportion]
    known_rest: Proportion
    guessed_rest: Proportion


def look(
    exchange: Exchange,
    pairs: int,
    later: Sequence[int],
    *,
    seed: int = 0,
    progress: Callable[[int], object] = lambda pairs: None,
) -> Looks:
    """Look at about `pairs` pairs (a multiple of 512) at the limit and at the times after it.

    Times are rounded down to whole packages.
    """
    found = []
    key = Experiment(exchange=exchange, runs=pairs, seed=seed).key
    for number in range(-(-pairs // LANES)):
        found.append(_look_at_group(exchange, key, number, later))
        progress(LANES)
    differing, missing, met, equal = (np.concatenate([part[i] for part in found]) for i in range(4))
    return Looks(
        limit=exchange.limit,
        later=tuple(later),
        differing=differing,
        attacker_missing=missing,
        met=met.astype(np.bool_),
        attacker_equal=equal.astype(np.bool_),
    )


def _look_at_group(
    exchange: Exchange, key: int, number: int, later: Sequence[int]
) -> tuple[NDArray[np.int64], ...]:
    group = Lockstep(
        *exchange.shape,
        key,
        number,
        instruction_set=instruction_set(),
        attackers=1,
        geometric=True,
        package=exchange.package,
        secret_inputs=exchange.secret_inputs,
        field=exchange.field,
    )
    times = [exchange.limit, *(exchange.limit + more for more in later)]
    looks = _states(group, exchange, times)
    a, b, e = next(looks)
    differing = (a != b).sum(axis=1)
    missing = ((a == b) & (a != e)).sum(axis=1)
    met, equal = [], []
    for a, b, e in looks:
        met.append((a == b).all(axis=1))
        equal.append((a == e).all(axis=1))
    shape = (len(later), LANES)
    return differing, missing, np.reshape(met, shape).T, np.reshape(equal, shape).T


def _states(
    group: Lockstep, exchange: Exchange, times: Sequence[int]
) -> Iterator[tuple[Weights, Weights, Weights]]:
    """Weights of A, B and the attacker in all lanes after each of the times."""
    group.fill()
    group.advance()  # evaluates the first package: nothing is learnt yet
    done = 0
    for steps in times:
        while done < steps // exchange.package:
            group.advance()
            done += 1
        a, b, e = (
            np.frombuffer(
                b"".join([group.weights(machine, lane) for lane in range(LANES)]), np.int8
            ).reshape(LANES, -1)
            for machine in range(3)
        )
        yield a, b, e
