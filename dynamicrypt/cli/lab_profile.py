"""`dynamicrypt lab profile`: the least work to recover one recorded key."""

from __future__ import annotations

from math import isfinite
from typing import Any

import click

from dynamicrypt.cli.lab_options import (
    exchange_of,
    exchange_options,
    number,
    refuse_beside,
    share_data,
    way_of,
    way_options,
)
from dynamicrypt.cli.speech import Exit, result, table, talk
from dynamicrypt.lab import strength
from dynamicrypt.lab.attacks import Attack
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.params import PROFILES


@click.command()
@click.argument("name", required=False, type=click.Choice(list(PROFILES)))
@click.option("--fusion", type=click.IntRange(1), default=1, metavar="m", help="Machines of a key.")
@exchange_options()
@way_options("scheduler")
def profile(*, name: str | None, fusion: int, **options: Any) -> int:
    """Measure what it costs to recover one recorded key of a profile, or of other numbers.

    --runs is for the cheap attacks; each dear one makes as many fewer as its runs cost more.
    """
    way = way_of(options)
    exchange = exchange_of(options)
    if name is not None:
        refuse_beside(name, "runs", "threads")
        exchange = strength.exchange_of(PROFILES[name].exchange)
        fusion = PROFILES[name].exchange.fusion
    most: int = options["runs"]

    def runs(attack: Attack) -> int:
        talk(f"{attack.name} {getattr(attack, 'attackers', '')}".rstrip())
        return strength.balanced_runs(attack, most)

    found = list(strength.costs(exchange, runs=runs, seed=options["seed"], threads=way.threads))
    if not found:
        raise ExperimentError("no pair synchronised within the limit: ask for more --runs")
    least = strength.cheapest(found)
    rows: list[tuple[str, ...]] = [
        (
            *("attack", "M", "keys", "success", "slowest tenth", "quickest tenth", "steps"),
            *("bits", "slowest", "quickest", "at least"),
        )
    ]
    rows += [
        (
            cost.attack.name,
            str(getattr(cost.attack, "attackers", 1)),
            str(cost.every.runs),
            f"{cost.every.success.value:.2g} ({cost.every.wins})",
            f"{cost.slow.success.value:.2g} ({cost.slow.wins} of {cost.slow.runs})",
            f"{cost.quick.success.value:.2g} ({cost.quick.wins} of {cost.quick.runs})",
            f"{cost.every.work:.3g}",
            f"{cost.every.bits(fusion):.1f}",
            f"{cost.slow.bits(fusion):.1f}",
            f"{cost.quick.bits(fusion):.1f}",
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
        "runs": cost.every.runs,
        **share_data("success", cost.every.success),
        **share_data("slow_success", cost.slow.success),
        **share_data("quick_success", cost.quick.success),
        "attacker_steps": cost.every.work,
        "bits": number(cost.every.bits(fusion)),
        "slow_bits": number(cost.slow.bits(fusion)),
        "quick_bits": number(cost.quick.bits(fusion)),
        "strength_bits": number(cost.strength(fusion)),
        "least_bits": number(cost.least(fusion)),
    }
