"""What a benchmark prints and writes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number; `at_least` or `at_most` is what it is to reach."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the figure is what it is to be; true where nothing is asked of it."""
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    @property
    def goal(self) -> str:
        """The goal in words, and whether it was missed."""
        if self.at_least is not None:
            text = f">= {show(self.at_least)}"
        elif self.at_most is not None:
            text = f"<= {show(self.at_most)}"
        else:
            return ""
        return text if self.reached else f"{text}  missed"


def show(value: float) -> str:
    """Return the number with four digits that mean something."""
    if value and abs(value) < 1000:
        return f"{value:.4g}"
    return f"{value:,.0f}".replace(",", " ")


class Report:
    """Collects the figures of one benchmark; progress goes to the standard error."""

    def __init__(self, title: str, *, quick: bool = False) -> None:
        self.title = title
        self.quick = quick
        self.figures: list[Figure] = []

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """Take a figure into the report. ValueError for a name that is in it already."""
        if name in self.numbers():
            raise ValueError(f"{name} was measured twice")
        self.figures.append(
            Figure(name=name, value=value, unit=unit, at_least=at_least, at_most=at_most)
        )

    def say(self, text: str) -> None:
        """Tell the person that waits what is going on."""
        print(f"{self.title}: {text}", file=sys.stderr, flush=True)

    def numbers(self) -> dict[str, float]:
        """Return the flat object of the JSON file."""
        return {figure.name: figure.value for figure in self.figures}

    def print(self, stream: TextIO) -> None:
        """Write the table."""
        print(f"{self.title}, {machine()}", file=stream)
        rows = [(f.name, show(f.value), f.unit, f.goal) for f in self.figures]
        wide = [max(len(row[column]) for row in rows) for column in range(3)]
        for name, value, unit, goal in rows:
            line = f"  {name:<{wide[0]}}  {value:>{wide[1]}} {unit:<{wide[2]}}  {goal}"
            print(line.rstrip(), file=stream)


def machine() -> str:
    """Return what the figures were measured on."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"Python {platform.python_version()}, {os.cpu_count()} x {model}"


def main(title: str, measure: Callable[[Report], None]) -> int:
    """Run a benchmark as a program; the exit status is 0 whether or not goals were reached."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="end within 45 seconds")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures to FILE")
    options = parser.parse_args()
    report = Report(title, quick=options.quick)
    measure(report)
    report.print(sys.stdout)
    if options.json is not None:
        options.json.write_text(json.dumps(report.numbers(), indent=2) + "\n")
    return 0
