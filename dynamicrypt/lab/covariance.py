"""The covariance attack on packages of queries: many questions from one state betray the state.

A query has a local field of +-H, a random input one of about sqrt(Q), Q = L(L+1)/3. So within a
package the questions of one partner vary along its weights by H**2/Q times what they vary in any
other direction, and the covariance of the inputs singles the weights out, up to their sign. This
attack is this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamicrypt._core import Lockstep
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.instructions import instruction_set
from dynamicrypt.lab.statistics import Estimate, mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """How well the direction that stands out fits A's weights: the mean of its squared cosine.

    `chance` is what a random direction has, 1/N.
    """

    queries: int
    fit: Estimate
    chance: float


def covariance_leak(exchange: Exchange, pairs: int, *, seed: int = 0) -> Leak:
    """Look at one package of `pairs` fresh pairs: A asks in its odd steps, that is half of them.

    Raises ValueError for an exchange without queries, or more than 512 pairs.
    """
    if exchange.query is None:
        raise ValueError("the covariance attack is on queries")
    if not 0 < pairs <= 512:
        raise ValueError(f"pairs is {pairs}, not in 1..512")
    machine = exchange.machine
    group = Lockstep(
        *exchange.shape,
        Experiment(exchange=exchange, runs=1, seed=seed).key,
        0,
        instruction_set=instruction_set(),
        package=exchange.package,
        field=exchange.field,
    )
    group.fill()
    group.advance()
    asked = range(0, exchange.package, 2)
    wide = exchange.query**2 > machine.L * (machine.L + 1) / 3
    fits = []
    for lane in range(pairs):
        weights = _rows(group.weights(0, lane), machine.K)
        inputs = [_rows(group.inputs(step, False, lane), machine.K) for step in asked]
        for unit in range(machine.K):
            direction = _outstanding(np.array([x[unit] for x in inputs]), wide=wide)
            size = float(np.linalg.norm(weights[unit]))
            if size:
                fits.append(float(direction @ weights[unit] / size) ** 2)
    return Leak(queries=len(asked), fit=mean(fits), chance=1 / machine.N)


def _rows(values: bytes, K: int) -> NDArray[np.float64]:
    return np.frombuffer(values, np.int8).astype(np.float64).reshape(K, -1)


def _outstanding(inputs: NDArray[np.float64], *, wide: bool) -> NDArray[np.float64]:
    """The direction in which the inputs vary most, or least."""
    _, _, directions = np.linalg.svd(inputs, full_matrices=True)
    found: NDArray[np.float64] = directions[0 if wide else -1]
    return found
