"""Runs the command in this process and keeps what it says."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from dynamicrypt.cli.__main__ import main


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command printed, and its exit status."""

    out: str
    err: str
    status: int
    #: What it printed, as bytes.
    raw: bytes = b""

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell of the node whose state directory is `state`."""

    state: Path

    def run(self, *words: str, stdin: bytes = b"") -> Said:
        """`dynamicrypt WORDS --state-dir STATE`."""
        return self.plain(*words, "--state-dir", str(self.state), stdin=stdin)

    def plain(self, *words: str, stdin: bytes = b"") -> Said:
        """`dynamicrypt WORDS`."""
        printed = io.BytesIO()
        typed = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
        out = io.TextIOWrapper(printed, encoding="utf-8", write_through=True)
        with (
            mock.patch.object(sys, "stdin", typed),
            redirect_stdout(out),
            redirect_stderr(io.StringIO()) as err,
        ):
            status = main(words)
        raw = printed.getvalue()
        return Said(out=raw.decode(errors="replace"), err=err.getvalue(), status=status, raw=raw)
