"""How the demo looks: plain lines, coloured on a terminal unless NO_COLOR is set."""

from __future__ import annotations

import os
import sys
from enum import Enum
from threading import Lock
from typing import TextIO


class Ink(Enum):
    """What a stretch of text means; the value is the SGR code that shows it."""

    HEADING = "1"
    GOOD = "32"
    WARNING = "33"
    BAD = "31"
    QUIET = "2"


class Screen:
    """Writes whole lines to a stream, from any thread."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._coloured = stream.isatty() and not os.environ.get("NO_COLOR")
        self._lock = Lock()

    def line(self, text: str = "", ink: Ink | None = None) -> None:
        """One line; `ink` colours all of it."""
        if ink is not None and self._coloured:
            text = f"\x1b[{ink.value}m{text}\x1b[0m"
        with self._lock:
            print(text, file=self._stream, flush=True)

    def heading(self, text: str) -> None:
        """Write the title of what follows, with an empty line before it."""
        self.line()
        self.line(text, Ink.HEADING)

    def pair(self, name: str, value: str, ink: Ink | None = None) -> None:
        """Write a name and what is to be said of it, in two columns."""
        self.line(f"  {name:<12} {value}", ink)
