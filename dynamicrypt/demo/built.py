"""Whether the copy of DynamiCrypt that runs was built: its sources alone have no compiled core.

`python -m` finds the sources in the directory where it is started before what is installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

_SOURCES: Final = Path(__file__).parents[2]


def require_core() -> None:
    """End the program, with an error and a hint, where the compiled core is missing."""
    if find_spec("dynamicrypt._core") is None:
        raise SystemExit(
            f"dynamicrypt: error: the sources in {_SOURCES} were not built here\n"
            "dynamicrypt: hint: run `make setup` there and use `.venv/bin/python`;"
            " or start what is installed from another directory"
        )
