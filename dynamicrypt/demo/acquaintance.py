"""Two nodes learn each other's fingerprints, by the commands that a person would type."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

COMMAND: Final = (sys.executable, "-m", "dynamicrypt.cli")
_SECONDS: Final = 30


def introduce(states: tuple[Path, Path]) -> tuple[str, str]:
    """Make an identity in each state directory and enter it in the other; returns fingerprints.

    The name of a directory is the name of its node. Raises subprocess.SubprocessError.
    """
    first, second = (_run("init", "--state-dir", str(state)) for state in states)
    for state, peer, fingerprint in (
        (states[0], states[1], second),
        (states[1], states[0], first),
    ):
        _run("peer", "add", peer.name, fingerprint, "--state-dir", str(state))
    return first, second


def _run(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own program, our own arguments
        (*COMMAND, *arguments), check=True, capture_output=True, text=True, timeout=_SECONDS
    )
    return done.stdout.strip()
