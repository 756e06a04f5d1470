"""`dynamicrypt lab`: simulate, attack and measure the exchange."""

from __future__ import annotations

import click

from dynamicrypt.cli.lab_finish import finish
from dynamicrypt.cli.lab_frontier import frontier
from dynamicrypt.cli.lab_keys import cost, entropy, keys
from dynamicrypt.cli.lab_profile import profile
from dynamicrypt.cli.lab_runs import attack, seed, sync
from dynamicrypt.cli.lab_studies import bench, plot, reproduce
from dynamicrypt.cli.lab_sweep import sweep


@click.group()
def lab() -> None:
    """Simulate, attack and measure the exchange; the node and its keys are not touched."""


for command in (
    sync,
    attack,
    seed,
    finish,
    keys,
    entropy,
    cost,
    sweep,
    profile,
    frontier,
    reproduce,
    plot,
    bench,
):
    lab.add_command(command)
