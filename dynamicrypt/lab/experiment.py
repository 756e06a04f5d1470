"""Runs an exchange under an attack, in groups, on the threads of this machine or elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from itertools import islice
from operator import index
from typing import Final

import numpy as np

from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.attacks.attack import Attack, NoAttack
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.outcome import Outcome
from dynamicrypt.lab.workers import Workers

#: Runs of an experiment: their results are kept in memory, some 20 bytes for each.
MOST_RUNS: Final = 10**9

#: Groups that are submitted at a time: enough for every worker of a large cluster to have some.
AHEAD: Final = 1024

#: Told the number of a group and what came of it, in the order in which groups end.
Progress = Callable[[int, Outcome], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """`runs` of an exchange under an attack. Equal experiments have equal outcomes.

    The key comes from the seed and fixes all random numbers; the number of threads, the machine
    and its instruction set change nothing. Different seeds give independent runs.

    Raises ParameterError for a number of runs outside 0..MOST_RUNS, a negative seed or an attack
    without attackers, TypeError for a number that is not whole.
    """

    exchange: Exchange
    attack: Attack = field(default_factory=NoAttack)
    runs: int
    seed: int = 0

    def __post_init__(self) -> None:
        if index(self.runs) not in range(MOST_RUNS + 1):
            raise ParameterError(f"runs is {self.runs}, not in 0..{MOST_RUNS}")
        if index(self.seed) < 0:
            raise ParameterError(f"seed is {self.seed}, not 0 or above")
        attackers = getattr(self.attack, "attackers", 1)
        if index(attackers) < 1:
            raise ParameterError(f"attackers is {attackers}, not 1 or above")

    @property
    def key(self) -> int:
        """The 64-bit key of the core's streams, drawn from a numpy generator with the seed."""
        return int(np.random.default_rng(self.seed).integers(1 << 64, dtype=np.uint64))

    def groups(self) -> list[int]:
        """The runs of each group. Every run that is started is finished, in its group."""
        size = self._group_size
        full, rest = divmod(self.runs, size)
        return [size] * full + ([rest] if rest else [])

    def run_group(self, number: int) -> Outcome:
        """What comes of one group.

        Raises ExperimentError for numbers that are out of range for the simulation of this attack,
        or need more memory than there is.
        """
        size = self._group_size
        runs = min(size, self.runs - number * size)
        try:
            return self.attack.run_group(self.exchange, self.key, number, runs)
        except ParameterError:
            raise
        except (MemoryError, ValueError) as error:
            raise ExperimentError(f"{self.attack.name}: {error}") from error

    @property
    def _group_size(self) -> int:
        return self.attack.group_size(self.exchange, self.runs)

    def run(
        self,
        *,
        threads: int | None = None,
        progress: Progress = lambda number, outcome: None,
        known: Mapping[int, Outcome] | None = None,
        executor: Executor | None = None,
    ) -> Outcome:
        """Run all groups and join their outcomes.

        `threads` (1 or more) defaults to the processors that this process may use. Groups in
        `known` are taken from there: this is how an interrupted experiment goes on. An `executor`
        (of concurrent.futures, or a cluster's) replaces the threads.
        """
        if threads is not None and threads < 1:
            raise ParameterError(f"threads is {threads}, not 1 or above")
        outcomes = dict(known or {})
        missing = [number for number in range(len(self.groups())) if number not in outcomes]
        if executor is not None:
            outcomes.update(self._collect(executor, missing, progress))
        elif missing:
            processors = threads or len(os.sched_getaffinity(0))
            with Workers(min(processors, len(missing))) as workers:
                outcomes.update(self._collect(workers, missing, progress))
        if not outcomes:
            return self.run_group(0)
        return Outcome.joined([outcomes[number] for number in sorted(outcomes)])

    def _collect(
        self, executor: Executor, numbers: list[int], progress: Progress
    ) -> Iterator[tuple[int, Outcome]]:
        left = iter(numbers)
        tasks: dict[Future[Outcome], int] = {}
        try:
            while True:
                for number in islice(left, AHEAD - len(tasks)):
                    tasks[executor.submit(self.run_group, number)] = number
                if not tasks:
                    return
                done, _ = wait(tasks, return_when=FIRST_COMPLETED)
                for task in done:
                    number, outcome = tasks.pop(task), task.result()
                    progress(number, outcome)
                    yield number, outcome
        finally:
            for task in tasks:
                task.cancel()


def synchronise(exchange: Exchange, runs: int, *, seed: int = 0) -> Outcome:
    """Steps of `runs` fresh pairs to full synchronisation, on all processors."""
    return Experiment(exchange=exchange, runs=runs, seed=seed).run()


def attack(attack: Attack, exchange: Exchange, runs: int, *, seed: int = 0) -> Outcome:
    """What an attack knows at the end of `runs` exchanges, on all processors."""
    return Experiment(exchange=exchange, attack=attack, runs=runs, seed=seed).run()
