"""Results on disk: one row a run as Parquet or CSV, beside them a JSON file that says what it is.

The two files are enough to go on after an interruption, and to run the same again elsewhere.
"""

from __future__ import annotations

import csv
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dynamicrypt import __version__
from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.instructions import instruction_set
from dynamicrypt.lab.outcome import Outcome

_COLUMNS = ("group", "steps", "matched", "work")


def describe(experiment: Experiment) -> dict[str, Any]:
    """What an experiment is, as JSON has it; equal descriptions have equal outcomes."""
    exchange, machine = experiment.exchange, experiment.exchange.machine
    return {
        "K": machine.K,
        "N": machine.N,
        "L": machine.L,
        "rule": machine.rule.value,
        "queries": exchange.query,
        "package": exchange.package,
        "secret_inputs": exchange.secret_inputs,
        "limit": exchange.limit,
        "delay": exchange.delay,
        "attack": experiment.attack.name,
        "attackers": getattr(experiment.attack, "attackers", None),
        "runs": experiment.runs,
        "seed": experiment.seed,
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

    The ending decides: `.parquet` (needs pyarrow), else CSV. Existing files are replaced at once,
    so that an interruption leaves the old ones or the new ones.
    """
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


def load(path: Path, experiment: Experiment) -> dict[int, Outcome]:
    """The groups that an interrupted experiment left in `path`; none if there is no file.

    Raises ParameterError for the results of another experiment.
    """
    if not path.exists():
        return {}
    if json.loads(_described(path).read_text())["experiment"] != describe(experiment):
        raise ParameterError(f"{path} holds another experiment's results. Name another file")
    table = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    groups = {}
    for number, runs in enumerate(experiment.groups()):
        rows = table["group"] == number
        if int(rows.sum()) == runs:
            groups[number] = Outcome(
                weights=experiment.exchange.machine.weights,
                steps=table["steps"][rows].astype(np.int64),
                matched=table["matched"][rows].astype(np.int32),
                work=table["work"][rows].astype(np.int64),
            )
    return groups


def _described(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _read_csv(path: Path) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    rows = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.int64, ndmin=2)
    return {name: rows[:, column] for column, name in enumerate(_COLUMNS)}


def _write_parquet(path: Path, table: Mapping[str, np.ndarray[Any, Any]]) -> None:
    import pyarrow  # noqa: PLC0415 - an extra
    import pyarrow.parquet  # noqa: PLC0415

    pyarrow.parquet.write_table(pyarrow.table(dict(table)), path)


def _read_parquet(path: Path) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    import pyarrow.parquet  # noqa: PLC0415 - an extra

    table = pyarrow.parquet.read_table(path)
    return {name: table[name].to_numpy() for name in _COLUMNS}
