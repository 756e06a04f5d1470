"""What an attack is to the lab: a way to run groups of pairs under its ears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from dynamicrypt._core import Crowd, Lockstep
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.instructions import instruction_set
from dynamicrypt.lab.outcome import Outcome


class Attack(Protocol):
    """An attack with its numbers. Instances are immutable and can be pickled."""

    @property
    def name(self) -> str:
        """The name on the command line."""

    def group_size(self, exchange: Exchange, runs: int) -> int:
        """Runs of one group when `runs` are asked for; must depend on nothing else."""

    def run_group(self, exchange: Exchange, key: int, number: int, runs: int) -> Outcome:
        """Run one group to its end. `key` and `number` fix all random numbers of it."""


def lockstep_outcome(
    exchange: Exchange, key: int, number: int, runs: int, *, attackers: int, geometric: bool
) -> Outcome:
    """A group of pairs in the lanes, each with attackers of its own."""
    group = Lockstep(
        *exchange.shape,
        key,
        number,
        instruction_set=instruction_set(),
        attackers=attackers,
        geometric=geometric,
        secret_inputs=exchange.secret_inputs,
        package=exchange.package,
        field=exchange.field,
        delay=exchange.delay,
        limit=exchange.limit,
    )
    steps = np.empty(runs, np.int64)
    matched = np.zeros((runs, attackers), np.int32)
    group.run(steps, matched)
    heard = np.where(steps < 0, exchange.limit, steps + exchange.delay)
    return Outcome(
        weights=exchange.machine.weights,
        steps=steps,
        matched=matched.max(axis=1, initial=0),
        work=heard * attackers,
    )


def lockstep_group_size(exchange: Exchange, runs: int) -> int:
    """At least the lanes of a group; more of many runs, for the last ones leave lanes idle."""
    return min(max(runs // 8, 512), 16384)


def crowd_outcome(
    exchange: Exchange, key: int, number: int, runs: int, *, attackers: int, strategy: str
) -> Outcome:
    """Pairs one after the other, the attackers of each in the lanes."""
    group = Crowd(
        *exchange.shape,
        key,
        number,
        instruction_set=instruction_set(),
        strategy=strategy,
        attackers=attackers,
        secret_inputs=exchange.secret_inputs,
        package=exchange.package,
        field=exchange.field,
        delay=exchange.delay,
        limit=exchange.limit,
    )
    steps = np.empty(runs, np.int64)
    matched = np.zeros(runs, np.int32)
    work = np.zeros(runs, np.int64)
    group.run(steps, matched, work)
    return Outcome(weights=exchange.machine.weights, steps=steps, matched=matched, work=work)


@dataclass(frozen=True, slots=True)
class NoAttack:
    """Nobody listens; the partners' times of synchronisation are the result."""

    name: ClassVar[str] = "none"

    def group_size(self, exchange: Exchange, runs: int) -> int:
        """See Attack."""
        return lockstep_group_size(exchange, runs)

    def run_group(self, exchange: Exchange, key: int, number: int, runs: int) -> Outcome:
        """See Attack."""
        return lockstep_outcome(exchange, key, number, runs, attackers=0, geometric=False)
