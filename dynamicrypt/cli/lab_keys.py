"""`dynamicrypt lab keys`, `entropy` and `cost`: what keys are made of, and what they cost."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from math import isnan, log2
from typing import Any, Final

import click

from dynamicrypt.cli.files import STANDARD, writing
from dynamicrypt.cli.lab_options import (
    exchange_of,
    exchange_options,
    machine_of,
    machine_options,
    number,
    refuse_beside,
)
from dynamicrypt.cli.speech import Exit, fields, result
from dynamicrypt.errors import ParameterError
from dynamicrypt.keys import thesis
from dynamicrypt.lab.cost import measure
from dynamicrypt.lab.progress import Progress
from dynamicrypt.lab.randomness import (
    Form,
    hashed,
    helpings,
    most_common_value,
    shifted,
    t_tuple,
)
from dynamicrypt.lab.weights import entropy as weight_entropy
from dynamicrypt.lab.weights import synchronised_weights
from dynamicrypt.params import PROFILES, QUERY_RANGE, ExchangeParameters
from dynamicrypt.tpm.thesis import digit_key


def folded(weights: bytes, L: int) -> bytes:
    """The AES key that a 2019 program makes of the weights."""
    return bytes(thesis.fold(digit_key(weights, L)))


FORMS: Final[Mapping[str, Form]] = {"hash": hashed, "weights": shifted, "fold": folded}


@click.command()
@exchange_options("runs")
@click.option("--bytes", "size", type=click.IntRange(1), default=1_000_000, show_default=True)
@click.option(
    "--form",
    type=click.Choice(list(FORMS)),
    default="hash",
    show_default=True,
    help="What is written of the weights of a pair.",
)
def keys(*, size: int, form: str, **options: Any) -> int:
    """Write keys of simulated pairs as raw bytes, for ent, rngtest or dieharder to read.

    hash: 32 bytes for each pair, the SHA-256 of its weights. weights: a byte w + L for each weight.
    fold: 32 bytes, the AES key that a 2019 program makes of the weights (K*N = 72, L = 4).
    Different seeds make different pairs.
    """
    exchange = exchange_of(options)
    left = size
    with writing(STANDARD, private=False) as output:
        for helping in helpings(exchange, FORMS[form], seed=options["seed"]):
            output.write(helping[:left])
            left -= len(helping)
            if left <= 0:
                break
    return Exit.OK


@click.command()
@exchange_options()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def entropy(*, as_json: bool, runs: int, seed: int, **options: Any) -> int:
    """Estimate the entropy of one weight at synchronisation, in bits.

    Of the weights as they are; what the public outputs tell of them is not taken off.
    """
    exchange = exchange_of(options)
    L = exchange.machine.L
    weights = synchronised_weights(exchange, runs, seed=seed)
    shannon = weight_entropy(weights, L)
    symbols = weights.ravel()
    data = {
        "at_most": log2(2 * L + 1),
        "shannon": shannon.value,
        "shannon_standard_error": shannon.error,
        "most_common_value": most_common_value(symbols),
        "t_tuple": t_tuple(symbols),
        "weights": symbols.size,
    }
    text = {
        "at most": f"{data['at_most']:.4f}",
        "Shannon": str(shannon),
        "min, most common value": f"{data['most_common_value']:.4f}",
        "min, t-tuple": f"{data['t_tuple']:.4f}",
        "weights": str(symbols.size),
    }
    result(as_json=as_json, data=data, text=fields(text))
    return Exit.OK


@click.command()
@click.argument("name", required=False, type=click.Choice(list(PROFILES)))
@machine_options
@click.option(
    "--fusion", type=int, default=1, show_default=True, metavar="m", help="Machines of a key."
)
@click.option("--machines", type=int, default=64, show_default=True, help="Machines of the bank.")
@click.option(
    "--agreements", type=int, default=32, show_default=True, help="Agreements to a probe."
)
@click.option("--step-limit", type=int, default=18432, show_default=True, help="Steps of a run.")
@click.option("--passes", type=click.IntRange(1), default=2000, show_default=True, metavar="R")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="S")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cost(*, name: str | None, passes: int, seed: int, as_json: bool, **options: Any) -> int:
    """Count what a key of a profile, or of other numbers, costs the partners.

    Two banks play the rounds of wire 2 in this process; bytes follow from its lines.
    """
    if name is not None:
        refuse_beside(name, "passes")
    parameters = PROFILES[name].exchange if name is not None else _parameters(options)
    with Progress("passes", passes, sys.stderr) as progress:
        found = measure(parameters, passes=passes, seed=seed, progress=progress.advance)
    text = {
        "rounds of a run": str(found.run_rounds),
        "runs that pass": f"{found.passing:.3f}",
        "rounds per key": f"{found.rounds:.4g} ({parameters.machines} machines)",
        "bytes per key": f"{found.bytes:,.0f} (both directions)",
        "steps per key": f"{found.steps:,.0f} (machines of one side)",
        "failed probes": f"{found.failed_probes:.3f} for each pass",
        "differing": f"{_or_dash(found.differing, 0)} weights at a failed probe, median",
        "repaired": f"{_or_dash(found.repaired, 3)} of the runs with a failed probe",
        "equal at the limit": f"{_or_dash(found.equal_at_limit, 3)} of the runs that end there",
        "core time per key": f"{1e6 * found.seconds:,.1f} µs (machines of one side)",
    }
    data = {name: number(value) for name, value in asdict(found).items()}
    data["run_rounds"] = found.run_rounds.value
    data["run_rounds_standard_error"] = found.run_rounds.error
    result(as_json=as_json, data=data, text=fields(text))
    return Exit.OK


def _or_dash(value: float, digits: int) -> str:
    return "-" if isnan(value) else f"{value:.{digits}f}"


def _parameters(options: dict[str, Any]) -> ExchangeParameters:
    machine = machine_of(options)
    query = options.pop("queries")
    if query is not None and not 0.001 <= query <= QUERY_RANGE[-1] / 1000:
        raise ParameterError(f"queries is {query}, not in 0.001..{QUERY_RANGE[-1] / 1000}")
    return ExchangeParameters(
        machine=machine, query=None if query is None else round(1000 * query), **options
    )
