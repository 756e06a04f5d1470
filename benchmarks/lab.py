"""The laboratory: synchronisations and attacker-steps of a core in a second.

Each figure is the best of several runs in processor time, on every instruction set that the
machine has; the plain C of this project, one pair after the other and a byte to a weight, is
measured in the same run.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.report import Report, main
from dynamicrypt._core import lane_instruction_sets, scalar_runs
from dynamicrypt.lab.attacks import Attack, Genetic, Geometric, Majority, NoAttack
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.instructions import VARIABLE
from dynamicrypt.params import MachineParameters, Rule

#: Syncs per core-second to reach with AVX-512, with AVX2, and what the figure is called.
SYNCS = {
    (3, 100, 3): (250_000, 130_000, "lab.syncs_3_100_3"),
    (8, 9, 4): (170_000, 85_000, "lab.syncs_8_9_4"),
    (3, 1000, 3): (20_000, 10_000, "lab.syncs_3_1000_3"),
}


def exchange(K: int, N: int, L: int, rule: Rule) -> Exchange:
    """The plain exchange of these machines."""
    return Exchange(machine=MachineParameters(K=K, N=N, L=L, rule=rule))


def best(times: int, measure: Callable[[], float]) -> float:
    """The greatest rate of several measurements: the others were disturbed."""
    return max(measure() for _ in range(times))


def sync_rate(plan: Exchange, runs: int) -> float:
    """Synchronisations per core-second of one group."""
    start = time.thread_time()
    NoAttack().run_group(plan, 1, 0, runs)
    return runs / (time.thread_time() - start)


def step_rate(attack: Attack, plan: Exchange, runs: int) -> float:
    """Attacker-steps per core-second of one group; the partners' steps are not counted."""
    start = time.thread_time()
    outcome = attack.run_group(plan, 1, 0, runs)
    return float(outcome.work.sum()) / (time.thread_time() - start)


def scalar_sync_rate(plan: Exchange, runs: int) -> float:
    """Synchronisations per core-second of plain C."""
    start = time.thread_time()
    scalar_runs(*plan.shape, 1, np.empty(runs, np.int64))
    return runs / (time.thread_time() - start)


def scalar_step_rate(plan: Exchange, runs: int, attackers: int) -> float:
    """Geometric attacker-steps per core-second of plain C."""
    steps = np.empty(runs, np.int64)
    start = time.thread_time()
    scalar_runs(*plan.shape, 1, steps, attackers=attackers)
    return float(steps.sum()) * attackers / (time.thread_time() - start)


def wall_seconds(plan: Exchange, runs: int, threads: int) -> float:
    """Seconds by the clock on the wall."""
    start = time.perf_counter()
    Experiment(exchange=plan, runs=runs, seed=1).run(threads=threads)
    return time.perf_counter() - start


def measure_syncs(report: Report, times: int, effort: float) -> None:
    """Synchronisations per core-second, Hebbian and random walk."""
    for (K, N, L), (wide, narrow, name) in SYNCS.items():
        for rule in (Rule.HEBBIAN, Rule.RANDOM_WALK):
            figure = f"{name}_{rule.value.replace('-', '_')}"
            plan = exchange(K, N, L, rule)
            report.say(f"synchronisations of {K}, {N}, {L}, {rule.value}")
            for instructions in lane_instruction_sets():
                os.environ[VARIABLE] = instructions
                first = instructions == lane_instruction_sets()[0]
                runs = max(int(effort * 4_000_000 / (N * K)) // (1 if first else 3), 1536)
                value = best(times, partial(sync_rate, plan, runs))
                goal = {"avx512": wide, "avx2": narrow}.get(instructions)
                suffix = "" if first else f"_{instructions}"
                report.add(
                    figure + suffix,
                    value,
                    "1/s",
                    at_least=goal if rule is Rule.HEBBIAN else None,
                )
            runs = max(int(effort * 60_000 / (N * K)), 2)
            report.add(
                f"{figure}_scalar",
                best(times, partial(scalar_sync_rate, plan, runs)),
                "1/s",
            )


def measure_attacks(report: Report, times: int, effort: float) -> None:
    """Attacker-steps per core-second."""
    small = exchange(3, 100, 3, Rule.RANDOM_WALK)
    large = exchange(3, 1000, 10, Rule.RANDOM_WALK)
    cases: list[tuple[str, Attack, Exchange, int, float | None]] = [
        ("geometric_steps", Geometric(attackers=10), small, int(effort * 4096), 150e6),
        ("majority_steps", Majority(attackers=100), small, int(effort * 400), 150e6),
        ("genetic_steps", Genetic(attackers=4096), small, int(effort * 16), 40e6),
    ]
    if not report.quick:
        cases += [
            ("geometric_steps_3_1000_10", Geometric(attackers=10), large, 512, None),
            ("majority_steps_3_1000_10", Majority(attackers=100), large, 8, None),
            ("genetic_steps_3_1000_10", Genetic(attackers=4096), large, 1, None),
        ]
    for name, attack, plan, runs, goal in cases:
        report.say(f"{attack.name} attack on {plan.machine.K}, {plan.machine.N}, {plan.machine.L}")
        for instructions in lane_instruction_sets():
            os.environ[VARIABLE] = instructions
            first = instructions == lane_instruction_sets()[0]
            if not first and plan is large:
                continue
            some = runs if first else max(runs // 4, 1)
            value = best(times if plan is small else 1, partial(step_rate, attack, plan, some))
            suffix = "" if first else f"_{instructions}"
            report.add(f"lab.{name}{suffix}", value, "1/s", at_least=goal if first else None)
    report.add(
        "lab.geometric_steps_scalar",
        best(times, partial(scalar_step_rate, small, int(effort * 40), 10)),
        "1/s",
    )


def measure_threads(report: Report, times: int, effort: float) -> None:
    """What a second thread adds, by the clock: the one figure that a busy machine spoils."""
    report.say("one thread and two")
    plan = exchange(3, 100, 3, Rule.HEBBIAN)
    runs = 65536
    seconds = [
        (wall_seconds(plan, runs, 1), wall_seconds(plan, runs, 2))
        for _ in range(int(times * effort * 5))
    ]
    one, two = (min(column) for column in zip(*seconds, strict=True))
    report.add("lab.two_threads", one / two, "", at_least=1.8)


def measure(report: Report) -> None:
    """Measure all of it."""
    times, effort = (3, 1.0) if report.quick else (7, 4.0)
    chosen = os.environ.pop(VARIABLE, None)
    measure_syncs(report, times, effort)
    measure_attacks(report, times, effort)
    os.environ.pop(VARIABLE, None)
    measure_threads(report, times, effort)
    if chosen is not None:
        os.environ[VARIABLE] = chosen


if __name__ == "__main__":
    sys.exit(main("lab", measure))
