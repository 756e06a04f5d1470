"""Runs an exchange under an attack, in groups, on the threads of this machine or elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np

from dynamicrypt.lab.attacks.attack import Attack, NoAttack
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.outcome import Outcome

#: Told the number of a group and what came of it, in the order in which groups end.
Progress = Callable[[int, Outcome], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """`runs` of an exchange under an attack. Equal experiments have equal outcomes.

    The key comes from the seed and fixes all random numbers; the number of threads, the machine
    and its instruction set change nothing.
    """

    exchange: Exchange
    attack: Attack = field(default_factory=NoAttack)
    runs: int
    seed: int = 0

    @property
    def key(self) -> int:
        """The 64-bit key of the core's streams, drawn from a numpy generator with the seed."""
        return int(np.random.default_rng(self.seed).integers(1 << 64, dtype=np.uint64))

    def groups(self) -> list[int]:
        """The runs of each group. Every run that is started is finished, in its group."""
        size = self.attack.group_size(self.exchange, self.runs)
        full, rest = divmod(self.runs, size)
        return [size] * full + ([rest] if rest else [])

    def run_group(self, number: int) -> Outcome:
        """What comes of one group."""
        return self.attack.run_group(self.exchange, self.key, number, self.groups()[number])

    def run(
        self,
        *,
        threads: int | None = None,
        progress: Progress = lambda number, outcome: None,
        known: Mapping[int, Outcome] | None = None,
        executor: Executor | None = None,
    ) -> Outcome:
        """Run all groups and join their outcomes.

        `threads` defaults to the processors that this process may use. Groups in `known` are taken
        from there: this is how an interrupted experiment goes on. An `executor` (of
        concurrent.futures, or a cluster's) replaces the threads.
        """
        outcomes = dict(known or {})
        missing = [number for number in range(len(self.groups())) if number not in outcomes]
        if executor is not None:
            outcomes.update(self._collect(executor, missing, progress))
        else:
            with ThreadPoolExecutor(threads or len(os.sched_getaffinity(0))) as pool:
                outcomes.update(self._collect(pool, missing, progress))
        if not outcomes:
            return self.attack.run_group(self.exchange, self.key, 0, 0)
        return Outcome.joined([outcomes[number] for number in sorted(outcomes)])

    def _collect(
        self, executor: Executor, numbers: list[int], progress: Progress
    ) -> Iterator[tuple[int, Outcome]]:
        tasks: dict[Future[Outcome], int] = {
            executor.submit(self.run_group, number): number for number in numbers
        }
        waiting = set(tasks)
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for task in done:
                    progress(tasks[task], task.result())
                    yield tasks[task], task.result()
        finally:
            for task in waiting:
                task.cancel()


def synchronise(exchange: Exchange, runs: int, *, seed: int = 0) -> Outcome:
    """Steps of `runs` fresh pairs to full synchronisation, on all processors."""
    return Experiment(exchange=exchange, runs=runs, seed=seed).run()


def attack(attack: Attack, exchange: Exchange, runs: int, *, seed: int = 0) -> Outcome:
    """What an attack knows at the end of `runs` exchanges, on all processors."""
    return Experiment(exchange=exchange, attack=attack, runs=runs, seed=seed).run()
