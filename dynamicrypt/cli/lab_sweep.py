"""`dynamicrypt lab sweep`: an experiment for every combination of some numbers."""

from __future__ import annotations

import sys
from math import nan
from pathlib import Path
from typing import Any

import click

from dynamicrypt.cli.lab_options import (
    exchange_of,
    exchange_options,
    executor_at,
    way_of,
    way_options,
)
from dynamicrypt.cli.speech import Exit, result, table
from dynamicrypt.lab.attacks import NAMES, NoAttack, attack_named
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.outcome import Criterion
from dynamicrypt.lab.progress import Progress
from dynamicrypt.lab.record import check_ending, check_writable, save_rows
from dynamicrypt.lab.statistics import Estimate, Proportion, proportion
from dynamicrypt.lab.sweep import Point, grid, parse_axis
from dynamicrypt.lab.sweep import sweep as run_sweep


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
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all points in one table (.parquet or .csv).",
)
@exchange_options()
@way_options()
def sweep(
    *,
    axes: tuple[str, ...],
    name: str,
    attackers: int | None,
    directory: Path,
    output: Path | None,
    **options: Any,
) -> int:
    """Run an experiment for every combination of some numbers."""
    way = way_of(options)
    if output is not None:
        check_ending(output)
        check_writable(output.parent)
    base = Experiment(
        exchange=exchange_of(options), attack=attack_named(name, attackers), **options
    )
    points = list(grid(base, [parse_axis(axis) for axis in axes]))
    with (
        executor_at(way.scheduler) as executor,
        Progress("runs", sum(point.runs for point in points), sys.stderr) as progress,
    ):
        found = run_sweep(
            points,
            directory,
            threads=way.threads,
            executor=executor,
            runs_done=progress.advance,
        )
    if output is not None:
        save_rows(output, [{**point.experiment, **point.result} for point in found])
    _print_points(found, as_json=way.as_json)
    return Exit.OK


def _print_points(points: list[Point], *, as_json: bool) -> None:
    varied = [
        name
        for name, first in points[0].experiment.items()
        if any(point.experiment[name] != first for point in points)
    ]
    told = [_told(point) for point in points]
    rows = [(*varied, *told[0])]
    rows += [
        (*(str(point.experiment[name]) for name in varied), *figures.values())
        for point, figures in zip(points, told, strict=True)
    ]
    data = [{**point.experiment, **point.result, **_intervals(point)} for point in points]
    result(as_json=as_json, data={"points": data}, text=table(rows))


def _told(point: Point) -> dict[str, str]:
    """The figures of a point for people."""
    found = point.result
    steps = Estimate(*(_float(found[name]) for name in ("steps_mean", "steps_standard_error")))
    shares = {f"success {name}": str(share) for name, share in _shares(point).items()}
    return {"steps": str(steps), **shares, "unsynchronised": str(found["unsynchronised"])}


def _shares(point: Point) -> dict[str, Proportion]:
    """Successes by criterion; none of them where nobody listened."""
    if point.experiment["attack"] == NoAttack.name:
        return {}
    trials = point.result["runs"] - point.result["unsynchronised"]
    return {
        each.value: proportion(round((point.result[f"success_{each.value}"] or 0) * trials), trials)
        for each in Criterion
    }


def _intervals(point: Point) -> dict[str, Any]:
    return {
        f"success_{name}_interval": list(share.interval) for name, share in _shares(point).items()
    }


def _float(value: float | None) -> float:
    return nan if value is None else value
