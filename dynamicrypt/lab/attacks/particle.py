"""The particle attack: machines that start where the weights have drifted to, and are selected.

Ours: a particle filter (Gordon, Salmond, Smith, IEE Proc. F 140 (1993) 107) of machines. It works
on a record, so it knows when the partners will have met, and begins shortly before.

1. Inputs are public, and the outputs say with which chance each unit moved. So every weight has a
   distribution, which is followed for some steps; its most probable values are nearer to A's than a
   machine that has listened all the time.
2. Machines are drawn from it, near these values. They learn as the geometric attack does, but guess
   where several units are in doubt: copies part.
3. After each package machines are drawn anew, by how well they predicted A's outputs. What counts
   is not whether an output was wrong but how sure the machine should have been. The population
   shrinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from dynamicrypt._core import particle_drift, particle_listen, particle_runs
from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.outcome import Outcome
from dynamicrypt.params import MachineParameters

#: Steps times L² that machines listen before the partners meet, and that weights are followed
#: before these: a weight has forgotten what was earlier.
RECENT: Final = 36
BEFORE: Final = 32
#: Share of the machines that is left after GENERATION times L² steps, and how many there are at
#: least.
SHARE: Final = 0.7
GENERATION: Final = 8
FEWEST: Final = 8
#: The noise that machines take their local fields to have when they guess and when they are judged,
#: in standard deviations of a field of uniform weights.
FLIP: Final = 0.07
DOUBT: Final = 0.5
#: The power of the distributions that machines are drawn from.
SHARPNESS: Final = 6.0
#: Attacker-steps that a step of learning counts for while weights are followed, by the time that it
#: takes with AVX-512 at K = 6, N = 48, L = 2 (0.4 microseconds). A step of a machine counts as one,
#: as if it ran in the lanes, as the machines of other attacks do; here it takes some forty times
#: longer, for it has not been written so.
FOLLOWING: Final = 100


def drift(
    machine: MachineParameters,
    inputs: NDArray[np.int8],
    a: NDArray[np.int8],
    b: NDArray[np.int8],
    *,
    package: int = 1,
) -> NDArray[np.float32]:
    """The chance of every value -L..L of every weight after a recorded exchange.

    `inputs` has the shape (steps, K*N), the outputs `a` and `b` have `steps` entries, all -1 or +1,
    in whole packages; the result has the shape (2L+1, K*N). Raises ValueError for other shapes and
    values.
    """
    chance = np.empty((2 * machine.L + 1, machine.weights), np.float32)
    particle_drift(*Exchange(machine=machine).shape, inputs, a, b, chance, package=package)
    return chance


def listen(
    machine: MachineParameters,
    weights: NDArray[np.int8],
    inputs: NDArray[np.int8],
    a: NDArray[np.int8],
    b: NDArray[np.int8],
    *,
    key: int,
    package: int = 1,
    fewest: int = FEWEST,
) -> NDArray[np.int8]:
    """The machines that are left of those with these weights after a recorded exchange.

    `weights` has the shape (machines, K*N) and values -L..L, the others are as of `drift`. `key`
    fixes all random numbers. Raises ValueError for other shapes and values.
    """
    population = weights.copy()
    field = field_deviation(machine)
    left = particle_listen(
        *Exchange(machine=machine).shape,
        key,
        inputs,
        a,
        b,
        population,
        fewest=fewest,
        share=share(machine, package),
        flip=FLIP * field,
        doubt=DOUBT * field,
        package=package,
    )
    return population[:left]


def share(machine: MachineParameters, package: int) -> float:
    """The share of the machines that lives on after each package."""
    return float(SHARE ** (package / (GENERATION * machine.L**2)))


def field_deviation(machine: MachineParameters) -> float:
    """The standard deviation of a local field of uniform weights, without the factor 1/sqrt(N)."""
    return float(np.sqrt(machine.N * machine.L * (machine.L + 1) / 3))


@dataclass(frozen=True, slots=True)
class Particle:
    """`attackers` machines at the start; the best of those that are left counts.

    Random inputs only, in packages of up to 64. Runs that end at the limit are not attacked: their
    work is 0.
    """

    attackers: int = 100
    name: ClassVar[str] = "particle"

    def group_size(self, exchange: Exchange, runs: int) -> int:
        """See Attack."""
        return min(max(runs // 16, 1), 4096)

    def hears(self, exchange: Exchange) -> bool:
        """Whether it is for this exchange: of random inputs that are public."""
        return exchange.query is None and not exchange.secret_inputs

    def run_group(self, exchange: Exchange, key: int, number: int, runs: int) -> Outcome:
        """See Attack."""
        if not self.hears(exchange):
            raise ParameterError("the particle attack is for random inputs that are not secret")
        steps = np.empty(runs, np.int64)
        matched = np.zeros(runs, np.int32)
        work = np.zeros(runs, np.int64)
        followed = np.zeros(runs, np.int64)
        memory = exchange.machine.L**2
        particle_runs(
            *exchange.shape,
            key,
            number,
            steps,
            matched,
            work,
            followed,
            attackers=self.attackers,
            fewest=FEWEST,
            share=share(exchange.machine, exchange.package),
            flip=FLIP,
            doubt=DOUBT,
            sharpness=SHARPNESS,
            recent=RECENT * memory,
            before=BEFORE * memory,
            package=exchange.package,
            delay=exchange.delay,
            limit=exchange.limit,
        )
        return Outcome(
            weights=exchange.machine.weights,
            steps=steps,
            matched=matched,
            work=work + FOLLOWING * followed,
        )
