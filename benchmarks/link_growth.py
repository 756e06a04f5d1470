"""How wire 2 grows with machines, packages, channels and links: tables, and plots as SVG.

`python -m benchmarks.link_growth DIRECTORY` takes some minutes. Rates are shown for a second of
processor time of one side, which other programs on the machine hardly change, and as measured.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.link_hosts import Rates, pair
from benchmarks.plot import Plot
from benchmarks.report import machine, show

MACHINES = (64, 128, 256, 512, 1024, 2048, 4096, 8192)
PACKAGES = (2, 4, 8, 16, 32)
NUMBERS = (1, 10, 100, 200)
#: Channels that are opened at once.
TOGETHER = 40

#: The rates of each line of a table, by its name and by the number across.
Table = Mapping[str, Mapping[int, Rates]]


def of_bank(machines: int, package: int) -> Rates:
    """One channel at the thesis' parameters, with another bank."""
    with pair("thesis", {"machines": machines, "package": package}) as nodes:
        nodes.call()
        time.sleep(1)
        return nodes.rates(3, 1.0)


def of_many(kind: str, number: int) -> Rates:
    """So many channels at the default profile, on one link or on a link each."""
    with pair("standard", callees=number if kind == "links" else 1) as nodes:
        for first in range(0, number, TOGETHER):
            hosts = range(first, min(first + TOGETHER, number))
            nodes.call_together(hosts if kind == "links" else [0] * len(hosts))
        time.sleep(1)
        return nodes.rates(3, 2.0)


def per_processor_second(rates: Rates) -> float:
    """Keys for a second of processor time of one side."""
    return 1e6 / rates.cpu_us_per_key


def print_table(title: str, table: Table, value: Callable[[Rates], float]) -> None:
    """As Markdown."""
    columns = list(next(iter(table.values())))
    print(f"\n{title}\n\n| | {' | '.join(map(str, columns))} |")
    print("|---" * (len(columns) + 1) + "|")
    for name, row in table.items():
        print(f"| {name} | {' | '.join(show(value(rates)) for rates in row.values())} |")


def publish(directory: Path, name: str, title: str, x: str, table: Table) -> None:
    """Print the tables and write the plot."""
    print_table(f"{title}: keys for a processor second", table, per_processor_second)
    print_table(f"{title}: keys per second", table, lambda rates: rates.keys_per_second)
    print_table(f"{title}: bytes per key", table, lambda rates: rates.bytes_per_key)
    lines = {
        line: [(float(at), per_processor_second(rates)) for at, rates in row.items()]
        for line, row in table.items()
    }
    plot = Plot(title=title, x=x, y="keys for a processor second of one side", lines=lines)
    plot.write(directory / f"{name}.svg")


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="where the plots go")
    directory = parser.parse_args().directory
    print(f"Wire 2, {machine()}")
    banks = {
        f"B = {package}": {machines: of_bank(machines, package) for machines in MACHINES}
        for package in PACKAGES
    }
    title = "One channel, thesis parameters"
    publish(directory, "link-banks", title, "machines of the bank", banks)
    many = {
        kind: {number: of_many(kind, number) for number in NUMBERS}
        for kind in ("channels", "links")
    }
    publish(directory, "link-channels", "Profile standard", "running channels or links", many)


if __name__ == "__main__":
    main()
