"""`dynamicrypt lab frontier`: what a step limit costs and what it is worth."""

from __future__ import annotations

from typing import Any

import click

from dynamicrypt.cli.lab_options import (
    exchange_of,
    exchange_options,
    number,
    share_data,
    way_of,
    way_options,
)
from dynamicrypt.cli.speech import Exit, result, table
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.frontier import Limit, limits


@click.command()
@exchange_options()
@way_options("scheduler")
def frontier(**options: Any) -> int:
    """Strength against cost as the step limit gets tighter, for one machine.

    Of the simple and the geometric attack the cheaper one counts; --delay is that from
    synchronisation to the probe.
    """
    way = way_of(options)
    exchange = exchange_of(options)
    try:
        found = list(
            limits(exchange, runs=options["runs"], seed=options["seed"], threads=way.threads)
        )
    except ValueError as error:
        raise ExperimentError(str(error)) from None
    rows: list[tuple[str, ...]] = [
        ("kept", "limit", "rounds", "steps", "attack", "success", "bits", "at least")
    ]
    rows += [
        (
            f"{each.kept:.3g}",
            str(each.limit),
            str(each.limit // exchange.package),
            f"{each.steps:.4g}",
            each.attack.attack.name,
            f"{each.attack.every.success.value:.2g} ({each.attack.every.wins})",
            f"{each.bits:.1f}",
            f"{each.attack.least():.1f}",
        )
        for each in found
    ]
    result(as_json=way.as_json, data={"limits": [_data(each) for each in found]}, text=table(rows))
    return Exit.OK


def _data(limit: Limit) -> dict[str, Any]:
    cost = limit.attack
    return {
        "limit": limit.limit,
        "kept": limit.kept,
        "steps": limit.steps,
        "attack": cost.attack.name,
        "keys": cost.every.runs,
        **share_data("success", cost.every.success),
        "bits": number(limit.bits),
        "least_bits": number(cost.least()),
    }
