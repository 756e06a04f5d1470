"""How a command reaches the service that runs on this machine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from dynamicrypt.cli.place import place_options
from dynamicrypt.client import DynamiCrypt

#: Seconds for which a command waits for a key, or for a partner's node, unless it is told.
PATIENCE: Final = 10.0


def reach_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name the service; it takes `client` and `as_json`.

    The token has no option, for everybody can read the arguments of a process.
    """

    @functools.wraps(command)
    def run(
        *,
        url: str | None,
        socket: str | None,
        wait: float,
        state_dir: Path,
        **others: Any,
    ) -> Any:
        with DynamiCrypt(url, socket=socket, state_dir=state_dir, patience=wait) as client:
            return command(client=client, **others)

    for option in (
        click.option(
            "--wait",
            type=click.FloatRange(min=0),
            default=PATIENCE,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for what is not there yet.",
        ),
        click.option("--socket", metavar="PATH", help="UNIX socket of the service."),
        click.option(
            "--url", metavar="URL", help="Address of the service, such as http://127.0.0.1:9081."
        ),
        place_options,
    ):
        run = option(run)
    return run
