"""Where a node of this machine keeps its state, and which files there are for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

#: The ports of the running node, as a JSON object; gone when it stops.
PORTS_FILE: Final = "ports.json"
#: The owner's token for the API.
TOKEN_FILE: Final = "token"  # noqa: S105 - a file's name


def default_state_directory(environ: Mapping[str, str]) -> Path:
    """Where state lives if nobody says otherwise.

    The first that is set of DYNAMICRYPT_STATE_DIR, systemd's STATE_DIRECTORY, and XDG_STATE_HOME
    (with `dynamicrypt` below it); else `~/.local/state/dynamicrypt`.
    """
    for variable in ("DYNAMICRYPT_STATE_DIR", "STATE_DIRECTORY"):
        if environ.get(variable):
            return Path(environ[variable])
    base = environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path("~/.local/state").expanduser()) / "dynamicrypt"
