"""`dynamicrypt lab sweep`, `profile`, `reproduce` and `bench`: many measurements."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import click

from dynamicrypt.cli.lab_options import (
    exchange_of,
    exchange_options,
    executor_at,
    number,
    refuse_beside,
    way_of,
    way_options,
)
from dynamicrypt.cli.speech import Exit, fields, result, table, talk
from dynamicrypt.errors import ParameterError
from dynamicrypt.lab import strength
from dynamicrypt.lab.attacks import (
    NAMES,
    Attack,
    Genetic,
    Geometric,
    Majority,
    NoAttack,
    Probabilistic,
    attack_named,
)
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.gallery import PICTURES, draw
from dynamicrypt.lab.instructions import instruction_set
from dynamicrypt.lab.progress import Progress
from dynamicrypt.lab.reproduce import Comparison, Form, disagreements
from dynamicrypt.lab.reproduce import reproduce as comparisons
from dynamicrypt.lab.sweep import Point, grid, parse_axis
from dynamicrypt.lab.sweep import sweep as run_sweep
from dynamicrypt.params import PROFILES


@click.command()
@click.option(
    "--vary", "axes", multiple=True, required=True, metavar="AXIS", help="L=1:10 or package=1,16."
)
@click.option(
    "--attack", "name", type=click.Choice(["none", *NAMES]), default="none", show_default=True
)
@click.option("--attackers", type=click.IntRange(1), metavar="M", help="Machines of the attacker.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Keeps a small file for each point; what is there is not run again.",
)
@exchange_options
@way_options
def sweep(
    *, axes: tuple[str, ...], name: str, attackers: int | None, directory: Path, **options: Any
) -> int:
    """Run an experiment for every combination of some numbers."""
    way = way_of(options)
    base = Experiment(
        exchange=exchange_of(options), attack=attack_named(name, attackers), **options
    )
    points = list(grid(base, [parse_axis(axis) for axis in axes]))
    with (
        executor_at(way.scheduler) as executor,
        Progress("points", len(points), sys.stderr) as progress,
    ):
        found = run_sweep(
            points,
            directory,
            threads=way.threads,
            executor=executor,
            progress=lambda number, point: progress.advance(1),
        )
    _print_points(found, as_json=way.as_json)
    return Exit.OK


def _print_points(points: list[Point], *, as_json: bool) -> None:
    rows = [{**point.experiment, **point.result} for point in points]
    names = [
        name
        for name in rows[0]
        if len({str(row[name]) for row in rows}) > 1 or name in points[0].result
    ]
    text = table([tuple(names)] + [tuple(_short(row[name]) for name in names) for row in rows])
    data = [{name: number(value) for name, value in row.items()} for row in rows]
    result(as_json=as_json, data={"points": data}, text=text)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@click.command()
@click.argument("name", required=False, type=click.Choice(list(PROFILES)))
@click.option("--fusion", type=click.IntRange(1), default=1, metavar="m", help="Machines of a key.")
@exchange_options
@way_options
def profile(*, name: str | None, fusion: int, **options: Any) -> int:
    """Measure what it costs to recover one recorded key of a profile, or of other numbers.

    --runs is for the cheap attacks; each dear one makes as many fewer as its runs cost more.
    """
    way = way_of(options)
    exchange = exchange_of(options)
    if name is not None:
        refuse_beside(name, "runs", "threads", "scheduler")
        exchange = strength.exchange_of(PROFILES[name].exchange)
        fusion = PROFILES[name].exchange.fusion
    if way.scheduler is not None:
        raise ParameterError("profile runs on this machine only")
    most: int = options["runs"]

    def runs(attack: Attack) -> int:
        talk(f"{attack.name} {getattr(attack, 'attackers', '')}".rstrip())
        return strength.balanced_runs(attack, most)

    found = list(strength.costs(exchange, runs=runs, seed=options["seed"], threads=way.threads))
    if not found:
        raise ParameterError("no pair synchronised within the limit: ask for more --runs")
    least = strength.cheapest(found)
    rows: list[tuple[str, ...]] = [
        ("attack", "M", "keys", "success", "slowest tenth", "steps", "bits", "slowest", "at least")
    ]
    rows += [
        (
            cost.attack.name,
            str(getattr(cost.attack, "attackers", 1)),
            str(cost.runs),
            f"{cost.success.value:.2g} ({cost.wins})",
            f"{cost.slow_success.value:.2g} ({cost.slow_wins} of {cost.slow_runs})",
            f"{cost.work:.3g}",
            f"{cost.bits(fusion):.1f}",
            f"{cost.slow_bits(fusion):.1f}",
            f"{cost.least(fusion):.1f}",
        )
        for cost in found
    ]
    seconds = 2 ** least.strength(fusion) * strength.yardstick(exchange)
    found_out = (
        f"strength: {least.strength(fusion):.1f} bits ({least.attack.name}, a key of {fusion}):"
        f" {seconds:.2g} seconds of one core here"
        if isfinite(seconds)
        else "strength: not found, for no attack succeeded;"
        f" {least.attack.name} leaves {least.least(fusion):.1f} bits or more for a key of {fusion}"
    )
    text = f"{table(rows)}\n{found_out}"
    data = {
        "strength_bits": number(least.strength(fusion)),
        "core_seconds": number(seconds),
        "attack": least.attack.name,
        "fusion": fusion,
        "attacks": [_cost_data(cost, fusion) for cost in found],
    }
    result(as_json=way.as_json, data=data, text=text)
    return Exit.OK


def _cost_data(cost: strength.Cost, fusion: int) -> dict[str, Any]:
    return {
        "attack": cost.attack.name,
        "attackers": getattr(cost.attack, "attackers", 1),
        "runs": cost.runs,
        "success": cost.success.value,
        "success_standard_error": cost.success.error,
        "slow_success": cost.slow_success.value,
        "slow_success_standard_error": cost.slow_success.error,
        "attacker_steps": cost.work,
        "bits": number(cost.bits(fusion)),
        "slow_bits": number(cost.slow_bits(fusion)),
        "strength_bits": number(cost.strength(fusion)),
        "least_bits": number(cost.least(fusion)),
    }


@click.command()
@click.option("--full", is_flag=True, help="All figures, with more runs: an hour of one core.")
@click.option("--only", metavar="TEXT", default="", help="Figures whose label has TEXT in it.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="S")
@click.option("--threads", type=click.IntRange(1), help="Threads; by default all processors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def reproduce(*, full: bool, only: str, seed: int, threads: int | None, as_json: bool) -> int:
    """Measure the published figures again; fails if one is out of tolerance."""
    form: Form = "full" if full else "short"
    found = []
    for comparison in comparisons(
        form, seed=seed, threads=threads, wanted=lambda figure: only in figure.label
    ):
        found.append(comparison)
        if not as_json:
            talk(_row(comparison))
    wrong = disagreements(found)
    data = {
        "figures": [
            {
                "figure": each.figure.label,
                "place": each.figure.place,
                "published": each.published.value,
                "published_error": each.published.error,
                "ours": each.ours.value,
                "standard_error": each.ours.error,
                "runs": each.runs,
                "agrees": each.agrees,
            }
            for each in found
        ],
        "disagreements": len(wrong),
    }
    text = f"{len(found)} figures, {len(wrong)} out of tolerance"
    result(as_json=as_json, data=data, text=text)
    return Exit.FAILED if wrong else Exit.OK


def _row(comparison: Comparison) -> str:
    mark = "" if comparison.agrees else "  OUT OF TOLERANCE"
    return (
        f"{comparison.figure.label:56} published {comparison.published!s:>19}"
        f"  ours {comparison.ours!s:>19} of {comparison.runs}{mark}"
    )


@click.command()
@exchange_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(*, as_json: bool, **options: Any) -> int:
    """Measure how fast this machine simulates: one core, the best of three."""
    exchange = exchange_of(options)
    rates = {
        "syncs": _rate(NoAttack(), exchange, 4096, of_work=False),
        "geometric_steps": _rate(Geometric(attackers=10), exchange, 512, of_work=True),
    }
    if exchange.machine.K <= 7:
        rates["majority_steps"] = _rate(Majority(), exchange, 64, of_work=True)
        rates["genetic_steps"] = _rate(Genetic(), exchange, 2, of_work=True)
    rates["probabilistic_steps"] = _rate(
        Probabilistic(), replace(exchange, package=min(exchange.package, 64)), 2, of_work=True
    )
    data = {f"{name}_per_second": rate for name, rate in rates.items()}
    text = {name: f"{rate:,.0f}/s" for name, rate in rates.items()}
    result(
        as_json=as_json,
        data={**data, "instruction_set": instruction_set()},
        text=fields({**text, "instruction set": instruction_set()}),
    )
    return Exit.OK


def _rate(attack: Attack, exchange: Exchange, runs: int, *, of_work: bool) -> float:
    best = 0.0
    for _ in range(3):
        start = time.thread_time()
        outcome = attack.run_group(exchange, 1, 0, runs)
        seconds = time.thread_time() - start
        best = max(best, (float(outcome.work.sum()) if of_work else runs) / seconds)
    return best


@click.command()
@click.argument("name", type=click.Choice(list(PICTURES)))
@click.argument("picture", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("lab-points"),
    show_default=True,
    help="Keeps the points of the picture; what is there is not run again.",
)
def plot(*, name: str, picture: Path, directory: Path) -> int:
    """Measure and draw a picture of the tutorial (the extra `lab`)."""
    draw(name, picture, directory, lambda number, point: talk(f"point {number + 1} is done"))
    return Exit.OK
