"""Results on disk: one row a run as Parquet or CSV, beside them a JSON file that says what it is.

The two files are enough to go on after an interruption, and to run the same again elsewhere.
"""

from __future__ import annotations

import csv
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dynamicrypt import __version__
from dynamicrypt.lab.errors import RecordError
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.extras import require
from dynamicrypt.lab.instructions import instruction_set
from dynamicrypt.lab.outcome import Outcome

_COLUMNS: Final = ("group", "steps", "matched", "work")
_ENDINGS: Final = (".parquet", ".csv")

Table = Mapping[str, NDArray[np.int64]]


def describe(experiment: Experiment) -> dict[str, Any]:
    """What an experiment is, as JSON has it; equal descriptions have equal outcomes."""
    exchange, machine = experiment.exchange, experiment.exchange.machine
    attackers = getattr(experiment.attack, "attackers", None)
    return {
        "K": int(machine.K),
        "N": int(machine.N),
        "L": int(machine.L),
        "rule": machine.rule.value,
        "queries": None if exchange.query is None else float(exchange.query),
        "package": int(exchange.package),
        "secret_inputs": bool(exchange.secret_inputs),
        "limit": int(exchange.limit),
        "delay": int(exchange.delay),
        "attack": experiment.attack.name,
        "attackers": None if attackers is None else int(attackers),
        "runs": int(experiment.runs),
        "seed": int(experiment.seed),
    }


def origin() -> dict[str, Any]:
    """What the results were made with; they do not depend on it."""
    return {
        "version": __version__,
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "instruction_set": instruction_set(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def save(path: Path, experiment: Experiment, groups: Mapping[int, Outcome]) -> None:
    """Write the groups that are done to `path` and the description to `path` + `.json`.

    The ending decides between Parquet (needs pyarrow) and CSV. Existing files are replaced at once,
    so that an interruption leaves the old ones or the new ones. Raises RecordError for another
    ending.
    """
    check_ending(path)
    numbers = sorted(groups)
    table = {
        "group": np.repeat(numbers, [groups[number].runs for number in numbers]),
        **{
            name: np.concatenate([getattr(groups[number], name) for number in numbers])
            for name in _COLUMNS[1:]
        },
    }
    partial = path.with_name(path.name + ".part")
    if path.suffix == ".parquet":
        _write_parquet(partial, table)
    else:
        with partial.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(zip(*(table[name].tolist() for name in _COLUMNS), strict=True))
    description = {"experiment": describe(experiment), "origin": origin()}
    described = _described(path)
    other = described.with_name(described.name + ".part")
    other.write_text(json.dumps(description, indent=2) + "\n")
    other.replace(described)
    partial.replace(path)


def save_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of equal keys as a table; the ending decides as in `save`."""
    check_ending(path)
    partial = path.with_name(path.name + ".part")
    if path.suffix == ".parquet":
        _write_parquet(partial, {name: [row[name] for row in rows] for name in rows[0]})
    else:
        with partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    partial.replace(path)


def check_ending(path: Path) -> None:
    """Raise RecordError for a name that does not say what the file is to hold.

    Raises ExtraError for Parquet without pyarrow.
    """
    if path.suffix not in _ENDINGS:
        raise RecordError(f"{path} ends neither in {' nor in '.join(_ENDINGS)}")
    if path.suffix == ".parquet":
        require("pyarrow")


def check_writable(directory: Path) -> None:
    """Raise OSError where no file can be made: better before an experiment than after it."""
    probe = directory / f".{os.getpid()}.part"
    probe.touch()
    probe.unlink()


def load(path: Path, experiment: Experiment) -> dict[int, Outcome]:
    """The groups that an interrupted experiment left in `path`; none if there is no file.

    Raises RecordError for the results of another experiment, and for what are none.
    """
    check_ending(path)
    if not path.exists():
        return {}
    try:
        kept = dict(json.loads(_described(path).read_text())["experiment"])
        table = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise RecordError(f"{path} and {_described(path)} are not results of the lab") from error
    wanted = describe(experiment)
    other = [f"{name}={kept.get(name)}" for name in wanted if kept.get(name) != wanted[name]]
    if other:
        raise RecordError(f"{path} holds the results of {', '.join(other)}")
    return _whole_groups(experiment, table)


def _whole_groups(experiment: Experiment, table: Table) -> dict[int, Outcome]:
    order = np.argsort(table["group"], kind="stable")
    sizes = np.array(experiment.groups())
    first, last = (
        np.searchsorted(table["group"], np.arange(len(sizes)), side, sorter=order)
        for side in ("left", "right")
    )
    return {
        number: Outcome(
            weights=experiment.exchange.machine.weights,
            steps=table["steps"][rows].astype(np.int64),
            matched=table["matched"][rows].astype(np.int32),
            work=table["work"][rows].astype(np.int64),
        )
        for number in np.flatnonzero(last - first == sizes).tolist()
        for rows in (order[first[number] : last[number]],)
    }


def _described(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _read_csv(path: Path) -> Table:
    with path.open() as file:
        if file.readline().split(",") != [*_COLUMNS[:-1], f"{_COLUMNS[-1]}\n"]:
            raise ValueError("the first line does not name the columns")
        rows = np.loadtxt(file, delimiter=",", dtype=np.int64, ndmin=2)
    return {name: rows[:, column] for column, name in enumerate(_COLUMNS)}


def _write_parquet(path: Path, table: Mapping[str, Any]) -> None:
    import pyarrow  # noqa: PLC0415 - an extra
    import pyarrow.parquet  # noqa: PLC0415

    pyarrow.parquet.write_table(pyarrow.table(dict(table)), path)


def _read_parquet(path: Path) -> Table:
    import pyarrow.parquet  # noqa: PLC0415 - an extra

    table = pyarrow.parquet.read_table(path)
    return {name: table[name].to_numpy() for name in _COLUMNS}
