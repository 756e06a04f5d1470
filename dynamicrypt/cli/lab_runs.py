"""`dynamicrypt lab sync`, `attack` and `seed`: one measurement."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from dynamicrypt.cli.lab_options import (
    exchange_of,
    exchange_options,
    number,
    output_option,
    run,
    share_data,
    way_of,
    way_options,
)
from dynamicrypt.cli.speech import Exit, fields, result
from dynamicrypt.lab.attacks import NAMES, attack_named
from dynamicrypt.lab.attacks.seed import SEEDS, find_seeds
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.outcome import Criterion
from dynamicrypt.lab.progress import Progress


@click.command()
@exchange_options()
@output_option
@way_options()
def sync(*, output: Path | None, **options: Any) -> int:
    """Measure how many steps a pair needs to synchronise."""
    way = way_of(options)
    experiment = Experiment(exchange=exchange_of(options), **options)
    outcome = run(experiment, way, output)
    steps = outcome.mean_steps
    data = {
        "steps_mean": number(steps.value),
        "steps_standard_error": number(steps.error),
        "runs": outcome.runs,
        "unsynchronised": outcome.unsynchronised,
    }
    text = {"steps": f"{steps}", "runs": outcome.runs, "unsynchronised": data["unsynchronised"]}
    result(as_json=way.as_json, data=data, text=fields(text))
    return Exit.OK


@click.command()
@click.argument("name", type=click.Choice(NAMES))
@exchange_options()
@click.option("--attackers", type=click.IntRange(1), metavar="M", help="Machines of the attacker.")
@click.option(
    "--criterion",
    type=click.Choice([criterion.value for criterion in Criterion]),
    default=Criterion.NEARLY.value,
    show_default=True,
    help="Share of the weights that the attacker must know.",
)
@output_option
@way_options()
def attack(
    *, name: str, attackers: int | None, criterion: str, output: Path | None, **options: Any
) -> int:
    """Measure how often an attacker knows the weights that become the key."""
    way = way_of(options)
    experiment = Experiment(
        exchange=exchange_of(options), attack=attack_named(name, attackers), **options
    )
    outcome = run(experiment, way, output)
    success, steps = outcome.success(Criterion(criterion)), outcome.mean_steps
    data = {
        **share_data("success", success),
        "runs": outcome.runs,
        "unsynchronised": outcome.unsynchronised,
        "steps_mean": number(steps.value),
        "steps_standard_error": number(steps.error),
        "attacker_steps": int(outcome.work.sum()),
    }
    text = {"success": f"{success}", "runs": outcome.runs, "steps": f"{steps}"}
    if outcome.unsynchronised:
        text["unsynchronised"] = outcome.unsynchronised
    result(as_json=way.as_json, data=data, text=fields(text))
    return Exit.OK


@click.command()
@click.argument("vector")
@click.option("--drawn", type=click.IntRange(0), default=72, help="Numbers drawn before it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def seed(*, vector: str, drawn: int, as_json: bool) -> int:
    """Find the seed of a 2019 program from its first VECTOR, as it stands on the wire.

    Give the vector after `--`, for it may start with a minus sign.
    """
    values = [-1 if part else 1 for part in _signs(vector)]
    with Progress("seeds", SEEDS, sys.stderr) as progress:
        seeds = find_seeds(values, drawn=drawn, progress=progress.advance)
    result(as_json=as_json, data={"seeds": seeds}, text="\n".join(map(str, seeds)))
    return Exit.OK if seeds else Exit.FAILED


def _signs(vector: str) -> list[bool]:
    if set(vector) - {"1", "-"} or "--" in vector or vector.endswith("-"):
        raise ExperimentError("the vector is to be made of 1 and -1, without spaces")
    return [vector[i - 1] == "-" for i in range(len(vector)) if vector[i] == "1"]
