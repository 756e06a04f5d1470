"""`dynamicrypt lab reproduce`, `plot` and `bench`: what is published, shown, and how fast."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from dynamicrypt.cli.lab_options import (
    exchange_of,
    exchange_options,
    number,
)
from dynamicrypt.cli.speech import Exit, fields, result, talk
from dynamicrypt.lab.attacks import (
    Attack,
    Genetic,
    Geometric,
    Majority,
    NoAttack,
    Probabilistic,
)
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.gallery import PICTURES, draw
from dynamicrypt.lab.instructions import instruction_set
from dynamicrypt.lab.reproduce import Comparison, Form, disagreements
from dynamicrypt.lab.reproduce import reproduce as comparisons

#: Steps after which a pair of a benchmark gives up: rates are the same, and there are K, N and L at
#: which most pairs never meet.
BENCH_LIMIT: Final = 100_000


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
    if not found:
        raise ExperimentError(f"no figure of the {form} form has {only!r} in its label")
    wrong = disagreements(found)
    data = {
        "figures": [
            {
                "figure": each.figure.label,
                "place": each.figure.place,
                "published": each.published.value,
                "published_error": each.published.error,
                "ours": number(each.ours.value),
                "standard_error": number(each.ours.error),
                "interval": [number(end) for end in each.ours.interval],
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
        f"{comparison.figure.label:56} published {comparison.published!s:>20}"
        f"  ours {comparison.ours!s:>20} of {comparison.runs}{mark}"
    )


@click.command()
@exchange_options()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(*, as_json: bool, runs: int, seed: int, **options: Any) -> int:
    """Measure how fast this machine simulates: one core, the best of three.

    --runs is for pairs without an attacker; dear attacks make as many fewer as they cost more.
    """
    exchange = exchange_of(options)
    exchange = replace(exchange, limit=min(exchange.limit, BENCH_LIMIT))
    key = Experiment(exchange=exchange, runs=runs, seed=seed).key

    def rate(attack: Attack, dear: int, plan: Exchange = exchange) -> float:
        return _rate(attack, plan, key, max(1, runs // dear))

    rates = {
        "syncs": rate(NoAttack(), 1),
        "geometric_steps": rate(Geometric(attackers=10), 8),
    }
    if exchange.machine.K <= 7:
        rates["majority_steps"] = rate(Majority(), 64)
        rates["genetic_steps"] = rate(Genetic(), 4096)
    if not exchange.secret_inputs:
        small = replace(exchange, package=min(exchange.package, 64))
        rates["probabilistic_steps"] = rate(Probabilistic(), 4096, small)
    data = {f"{name}_per_second": value for name, value in rates.items()}
    text = {name: f"{value:,.0f}/s" for name, value in rates.items()}
    result(
        as_json=as_json,
        data={**data, "instruction_set": instruction_set()},
        text=fields({**text, "instruction set": instruction_set()}),
    )
    return Exit.OK


def _rate(attack: Attack, exchange: Exchange, key: int, runs: int) -> float:
    """Attacker-steps in a second, or runs where nobody listens."""
    best = 0.0
    for _ in range(3):
        start = time.thread_time()
        outcome = attack.run_group(exchange, key, 0, runs)
        seconds = time.thread_time() - start
        best = max(best, (float(outcome.work.sum()) or runs) / seconds)
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
