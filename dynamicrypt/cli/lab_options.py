"""Options that the commands of the laboratory share."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
from click.core import ParameterSource

from dynamicrypt.cli.speech import talk
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.exchange import PATIENCE, Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.keeper import Keeper
from dynamicrypt.lab.outcome import Outcome
from dynamicrypt.lab.progress import Progress
from dynamicrypt.lab.statistics import Estimate
from dynamicrypt.params import MachineParameters, Rule

P = ParamSpec("P")
R = TypeVar("R")

_MACHINE = (
    click.option("-K", "k", type=int, default=3, show_default=True, help="Hidden units."),
    click.option("-N", "n", type=int, default=100, show_default=True, help="Inputs of a unit."),
    click.option("-L", "l", type=int, default=3, show_default=True, help="Largest weight."),
    click.option(
        "--rule",
        type=click.Choice([rule.value for rule in Rule]),
        default=Rule.RANDOM_WALK.value,
        show_default=True,
        help="Learning rule.",
    ),
    click.option("--queries", type=float, metavar="H", help="Queries with local fields of size H."),
    click.option(
        "--package",
        type=int,
        default=1,
        show_default=True,
        metavar="B",
        help="Steps whose outputs travel together.",
    ),
)

_OPTIONS = {
    "secret_inputs": click.option(
        "--secret-inputs", is_flag=True, help="Attackers do not see the inputs."
    ),
    "limit": click.option(
        "--limit", type=int, default=PATIENCE, help="Steps after which a pair gives up."
    ),
    "delay": click.option(
        "--delay", type=int, default=0, help="Steps from synchronisation to the key.", metavar="D"
    ),
    "runs": click.option(
        "--runs", type=click.IntRange(1), default=10_000, show_default=True, metavar="R"
    ),
    "seed": click.option(
        "--seed", type=click.IntRange(0), default=0, show_default=True, metavar="S"
    ),
}

_WAYS = {
    "threads": click.option(
        "--threads", type=click.IntRange(1), help="Threads; by default all processors."
    ),
    "scheduler": click.option(
        "--scheduler", metavar="ADDRESS", help="Use the Dask cluster at ADDRESS."
    ),
    "as_json": click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
}

_OUTPUT = click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep every run in a file (.parquet or .csv); go on with what is in it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How to run: on how many threads, or where, and how to print."""

    threads: int | None = None
    scheduler: str | None = None
    as_json: bool = False


def machine_options(command: Callable[P, R]) -> Callable[P, R]:
    """The numbers of a machine, how its inputs are made, and the package."""
    for option in reversed(_MACHINE):
        command = option(command)
    return command


def exchange_options(*without: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The parameters of an exchange, runs and seed, without those that mean nothing here."""
    chosen = _chosen(_OPTIONS, without)
    return lambda command: machine_options(chosen(command))


def way_options(*without: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Where to run, and how to print, without what a command cannot do."""
    return _chosen(_WAYS, without)


def _chosen(options: Mapping[str, Any], without: tuple[str, ...]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for name, option in reversed(list(options.items())):
            if name not in without:
                command = option(command)
        return command

    return decorate


def output_option(command: Callable[P, R]) -> Callable[P, R]:
    """Where to keep the runs."""
    return _OUTPUT(command)


def machine_of(options: dict[str, Any]) -> MachineParameters:
    """The machine that the options describe; takes its options out of them."""
    return MachineParameters(
        K=options.pop("k"),
        N=options.pop("n"),
        L=options.pop("l"),
        rule=Rule(options.pop("rule")),
    )


def refuse_beside(name: str, *allowed: str) -> None:
    """Raise ExperimentError if an option beside the profile `name` says what the profile does."""
    context = click.get_current_context()
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if source is ParameterSource.COMMANDLINE and option.name not in {
            "name",
            "seed",
            "as_json",
            *allowed,
        }:
            raise ExperimentError(f"the profile {name} has its own {option.opts[0]}")


def exchange_of(options: dict[str, Any]) -> Exchange:
    """The exchange that the options describe; takes its options out of them."""
    return Exchange(
        machine=machine_of(options),
        query=options.pop("queries"),
        package=options.pop("package"),
        **{
            name: options.pop(name)
            for name in ("secret_inputs", "limit", "delay")
            if name in options
        },
    )


def way_of(options: dict[str, Any]) -> Way:
    """Where to run, and how to print; takes its options out of them."""
    return Way(**{name: options.pop(name) for name in _WAYS if name in options})


def executor_at(scheduler: str | None) -> AbstractContextManager[Executor | None]:
    """The cluster's executor, or none."""
    if scheduler is None:
        return nullcontext()
    from dynamicrypt.lab.cluster import cluster  # noqa: PLC0415 - an extra

    return cluster(scheduler)


def run(experiment: Experiment, way: Way, output: Path | None) -> Outcome:
    """Run with a progress bar; what is done is kept in `output` now and then, and at the end."""
    if output is None:
        return _run(experiment, way, {}, lambda number, outcome: None)
    with Keeper(output, experiment) as keeper:
        if keeper.runs:
            talk(f"{keeper.runs} of {experiment.runs} runs were in {output} already")
        try:
            return _run(experiment, way, dict(keeper.groups), keeper.keep)
        except KeyboardInterrupt:
            talk(f"{keeper.runs} of {experiment.runs} runs are kept: the same command goes on")
            raise


def _run(
    experiment: Experiment,
    way: Way,
    known: dict[int, Outcome],
    keep: Callable[[int, Outcome], object],
) -> Outcome:
    found = sum(outcome.runs for outcome in known.values())
    with (
        executor_at(way.scheduler) as executor,
        Progress("runs", experiment.runs, sys.stderr, done=found) as progress,
    ):

        def note(number: int, outcome: Outcome) -> None:
            keep(number, outcome)
            progress.advance(outcome.runs)

        return experiment.run(threads=way.threads, executor=executor, known=known, progress=note)


def share_data(name: str, share: Estimate) -> dict[str, Any]:
    """A share of successes as JSON has it: value, standard error, and interval of 95 %."""
    return {
        name: number(share.value),
        f"{name}_standard_error": number(share.error),
        f"{name}_interval": list(share.interval),
    }


def number(value: Any) -> Any:
    """The value as JSON takes it: None for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
