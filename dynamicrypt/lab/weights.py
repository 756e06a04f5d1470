"""The weights that become keys: their distribution, entropy, and how alike two machines are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamicrypt._core import Lockstep
from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.attacks import NoAttack
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.instructions import instruction_set
from dynamicrypt.lab.statistics import Estimate

#: Pairs that a group holds.
LANES = 512


def synchronised_weights(exchange: Exchange, runs: int, *, seed: int = 0) -> NDArray[np.int8]:
    """Weights of `runs` pairs when they become a key, with the shape (runs, K*N).

    Runs that come to the limit are left out. Raises ExperimentError if all of them do.
    """
    experiment = Experiment(exchange=exchange, attack=NoAttack(), runs=runs, seed=seed)
    found = [
        weights_of_group(exchange, experiment.key, number, size)
        for number, size in enumerate(experiment.groups())
    ]
    synchronised = np.concatenate(found or [np.empty((0, exchange.machine.weights), np.int8)])
    if not len(synchronised):
        raise ExperimentError(f"of {runs} pairs none synchronised within the limit")
    return synchronised


def weights_of_group(exchange: Exchange, key: int, number: int, size: int) -> NDArray[np.int8]:
    """Weights of those of `size` pairs that synchronised; `key` and `number` fix the group."""
    group = Lockstep(
        *exchange.shape,
        key,
        number,
        instruction_set=instruction_set(),
        package=exchange.package,
        field=exchange.field,
        delay=exchange.delay,
        limit=exchange.limit,
    )
    steps = np.empty(size, np.int64)
    weights = np.empty((size, exchange.machine.weights), np.int8)
    group.run(steps, None, weights)
    return weights[steps >= 0]


def distribution(weights: NDArray[np.int8], L: int) -> NDArray[np.float64]:
    """Share of each value -L..L. Raises ParameterError for no weights, or others."""
    if not weights.size or abs(weights.astype(np.int64)).max() > L:
        raise ParameterError(f"weights has to hold values of -{L}..{L}")
    counts = np.bincount((weights.ravel().astype(np.int64) + L), minlength=2 * L + 1)
    return counts / weights.size


def entropy(weights: NDArray[np.int8], L: int) -> Estimate:
    """Shannon entropy of one weight in bits, from the frequencies over all weights.

    With the correction of Miller and Madow for the bias of a finite sample. It is no entropy of a
    key: what the public outputs tell an attacker is not taken off.
    """
    p = distribution(weights, L)
    seen = p[p > 0]
    bits = float(-(seen * np.log2(seen)).sum())
    bias = (len(seen) - 1) / (2 * weights.size * np.log(2))
    # The machines of a pair are independent of other pairs', the weights of one not quite.
    spread = float((seen * np.log2(seen) ** 2).sum()) - bits**2
    return Estimate(bits + bias, float(np.sqrt(max(spread, 0.0) / weights.size)) + bias)


def overlaps(
    exchange: Exchange, steps: int, *, every: int = 1, seed: int = 0
) -> NDArray[np.float64]:
    """Overlap of A's and B's units over time, [time, lane, unit], of 512 fresh pairs.

    The overlap is w_A . w_B / (|w_A| |w_B|) (Ruttor 2006, eq. 2.11); 0 for a unit without weights.
    Times are 0, `every`, 2 `every` ... up to `steps` packages. The limit and the delay of the
    exchange play no part. Raises ParameterError for negative steps, and for `every` below 1.
    """
    if steps < 0 or every < 1:
        raise ParameterError(f"steps is {steps} and every {every}, not 0 and 1 or above")
    machine = exchange.machine
    key = Experiment(exchange=exchange, runs=LANES, seed=seed).key
    group = Lockstep(
        *exchange.shape,
        key,
        0,
        instruction_set=instruction_set(),
        package=exchange.package,
        field=exchange.field,
    )
    group.fill()
    result = []
    for step in range(steps + 1):
        group.advance()
        if step % every == 0:
            a, b = (_all_weights(group, which, machine.K, machine.N) for which in (0, 1))
            sizes = np.sqrt((a * a).sum(axis=2) * (b * b).sum(axis=2))
            result.append((a * b).sum(axis=2) / np.where(sizes == 0, 1, sizes))
    return np.array(result)


def _all_weights(group: Lockstep, machine: int, K: int, N: int) -> NDArray[np.float64]:
    lanes = [group.weights(machine, lane) for lane in range(LANES)]
    return np.frombuffer(b"".join(lanes), np.int8).reshape(LANES, K, N).astype(np.float64)
