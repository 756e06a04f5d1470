"""`dynamicrypt lab finish`: fusion, early and late finishers, late keys, and near misses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from typing import Any, NamedTuple

import click

from dynamicrypt.cli.lab_options import (
    Way,
    exchange_of,
    exchange_options,
    number,
    run,
    share_data,
    way_of,
    way_options,
)
from dynamicrypt.cli.speech import Exit, result, table
from dynamicrypt.lab.attacks import NAMES, attack_named
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.exchange import PATIENCE
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.finish import fused, order_of_passes, success_by_rank, within
from dynamicrypt.lab.near_miss import look
from dynamicrypt.lab.outcome import Outcome
from dynamicrypt.lab.progress import Progress
from dynamicrypt.lab.statistics import Estimate

#: Steps by which a key is late.
DELAYS = (0, 16, 64, 256)

#: Steps for which pairs go on after the limit.
LATER = (32, 64, 128, 256)

#: Numbers of differing weights that are told apart.
MISSES = ((0, 0), (1, 2), (3, 10), (11, 30), (31, 1 << 20))

Rows = list[dict[str, Any]]


class Bits(NamedTuple):
    """Bits of work, infinite where no attempt succeeded, and what 95 % confidence leaves."""

    found: float
    least: float


@click.group()
def finish() -> None:
    """Measure how the end of a run helps an attacker: fusion, order, late keys, near misses."""


@finish.command("fused")
@click.option("--attack", "name", type=click.Choice(NAMES), default="geometric", show_default=True)
@click.option("--attackers", type=click.IntRange(1), metavar="M", help="Machines of the attacker.")
@click.option("--machines", type=click.IntRange(1), default=64, show_default=True)
@exchange_options()
@way_options()
def fusion(*, name: str, attackers: int | None, machines: int, **options: Any) -> int:
    """Attack keys of 1, 2, 4 and 8 machines: at once, and one machine after the other.

    Keys are made of neighbours in a bank, and of consecutive passes of a bank of --machines.
    """
    way = way_of(options)
    exchange = exchange_of(options)
    outcome = _attacked(
        Experiment(exchange=exchange, attack=attack_named(name, attackers), **options), way
    )
    order = order_of_passes(outcome, exchange, machines)
    rows: Rows = []
    for m in (1, 2, 4, 8):
        neighbours, passes = fused(outcome, m), fused(outcome, m, order)
        rows.append(
            {
                "m": m,
                "keys": neighbours.keys,
                "p^m": neighbours.product,
                "neighbours": neighbours.together,
                "passes": passes.together,
                "bits at once": Bits(neighbours.bits_together, neighbours.least_together),
                "bits one by one": Bits(neighbours.bits_one_by_one, neighbours.least_one_by_one),
            }
        )
    return _print(rows, as_json=way.as_json)


@finish.command()
@click.option("--bank", type=click.IntRange(2), default=10, show_default=True)
@exchange_options()
@way_options()
def order(*, bank: int, **options: Any) -> int:
    """Attack the first, second, ... to finish of a bank (geometric, all weights)."""
    way = way_of(options)
    experiment = Experiment(
        exchange=exchange_of(options), attack=attack_named("geometric"), **options
    )
    outcome = _attacked(experiment, way, fewest=bank)
    ranks = success_by_rank(outcome, bank)
    rows: Rows = [{"finishes": i, "success": share} for i, share in enumerate(ranks, 1)]
    return _print(rows, as_json=way.as_json)


@finish.command()
@exchange_options("delay")
@way_options()
def late(**options: Any) -> int:
    """Attack keys that are made some steps after synchronisation (geometric).

    "within w" counts attackers that lack at most w weights: those a few bits of a probe would help.
    """
    way = way_of(options)
    exchange = exchange_of(options)
    rows: Rows = []
    for delay in DELAYS:
        outcome = _attacked(
            Experiment(
                exchange=replace(exchange, delay=delay), attack=attack_named("geometric"), **options
            ),
            way,
        )
        shares = {f"within {short}": within(outcome, short) for short in (1, 2, 5)}
        rows.append({"late by": delay, "success": within(outcome, 0), **shares})
    return _print(rows, as_json=way.as_json)


@finish.command("near-miss")
@exchange_options("delay")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def near_miss(*, as_json: bool, runs: int, seed: int, **options: Any) -> int:
    """Look at pairs at --limit: how many weights differ, and what repair gains (geometric).

    "+d" is the share that is equal d steps later, "known +d" in how many of these an attacker has
    all weights; "rest" is how often he has all weights but those that differ, which the partners
    may drop instead, and "rest but 3" how often he lacks three of them at most.
    """
    exchange = exchange_of(options)
    if exchange.limit == PATIENCE:
        raise ExperimentError("near-miss needs a --limit")
    with Progress("pairs", runs, sys.stderr) as progress:
        looks = look(exchange, runs, LATER, seed=seed, progress=progress.advance)
    rows: Rows = []
    for fewest, most in MISSES:
        if fewest > exchange.machine.weights:
            continue
        miss = looks.between(fewest, most)
        row: dict[str, Any] = {
            "differing": f"{fewest}-{min(most, exchange.machine.weights)}",
            "share": miss.share,
        }
        for more, met, known in zip(LATER, miss.met, miss.known, strict=True):
            row[f"+{more}"] = met
            row[f"known +{more}"] = known
        rows.append({**row, "rest": miss.known_rest, "rest but 3": miss.guessed_rest})
    return _print(rows, as_json=as_json)


def _attacked(experiment: Experiment, way: Way, fewest: int = 1) -> Outcome:
    """The outcome; raises ExperimentError if fewer pairs than that synchronised."""
    outcome = run(experiment, way, None)
    found = int(outcome.finished.sum())
    if found < fewest:
        raise ExperimentError(
            f"{found} pairs synchronised within the limit, not {fewest}: ask for more --runs"
        )
    return outcome


def _print(rows: Rows, *, as_json: bool) -> int:
    text = table(
        [tuple(rows[0])] + [tuple(_short(value) for value in row.values()) for row in rows]
    )
    data = [dict(part for item in row.items() for part in _plain(*item)) for row in rows]
    result(as_json=as_json, data={"rows": data}, text=text)
    return Exit.OK


def _short(value: Any) -> str:
    if isinstance(value, Estimate):
        return value.text(3, 1)
    if isinstance(value, Bits):
        return f"{value.found:.1f}" if isfinite(value.found) else f"≥ {value.least:.1f}"
    return str(value)


def _plain(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Estimate):
        share = share_data("value", value)
        yield name, {key.removeprefix("value_"): part for key, part in share.items()}
    elif isinstance(value, Bits):
        yield name, number(value.found)
        yield f"{name}, at least", value.least
    else:
        yield name, value
