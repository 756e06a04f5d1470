"""Packages that come with an extra of the project: asked for before there is work to lose."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from dynamicrypt.lab.errors import ExtraError

#: The extra that a module comes with.
EXTRAS: Final = {"matplotlib": "lab", "pyarrow": "lab", "distributed": "cluster"}


def require(module: str) -> None:
    """Raise ExtraError if the module is not installed."""
    if find_spec(module) is None:
        raise ExtraError(f"{module} is not installed: pip install 'dynamicrypt[{EXTRAS[module]}]'")
