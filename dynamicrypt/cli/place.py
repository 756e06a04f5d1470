"""Where a command finds its node: the state directory and what is in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from dynamicrypt.location import default_state_directory
from dynamicrypt.peer.peers_file import PeersFile
from dynamicrypt.peer.statedir import StateDirectory

_Command = TypeVar("_Command", bound=Callable[..., Any])


def place_options(command: _Command) -> _Command:
    """Give a command `--state-dir` and `--json`, which it takes as `state_dir` and `as_json`."""
    state_dir = click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=lambda: default_state_directory(os.environ),
        show_default="DYNAMICRYPT_STATE_DIR, else the user's state directory",
        help="Where the node's identity and peers are.",
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
    return state_dir(as_json(command))


def peers_of(state_dir: Path) -> PeersFile:
    """The known peers of the node whose state directory this is; it must exist."""
    return PeersFile(StateDirectory(state_dir))
