"""Runs the command in this process and keeps what it says."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynamicrypt.cli.__main__ import main


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command printed, and its exit status."""

    out: str
    err: str
    status: int

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell of the node whose state directory is `state`."""

    state: Path

    def run(self, *words: str) -> Said:
        """`dynamicrypt WORDS --state-dir STATE`."""
        return self.plain(*words, "--state-dir", str(self.state))

    def plain(self, *words: str) -> Said:
        """`dynamicrypt WORDS`."""
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            status = main(words)
        return Said(out=out.getvalue(), err=err.getvalue(), status=status)
