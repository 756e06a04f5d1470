"""A grid of experiments, point by point, each kept as soon as it is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import product
from math import isfinite, nan, prod
from pathlib import Path
from typing import Any, Final

from dynamicrypt.lab.attacks import NoAttack, attack_named
from dynamicrypt.lab.errors import ExperimentError, RecordError
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.outcome import Criterion, Outcome
from dynamicrypt.lab.record import check_writable, describe, origin
from dynamicrypt.params import Rule

#: What can be varied, and how a value is read.
AXES: Final[Mapping[str, Callable[[str], Any]]] = {
    "K": int,
    "N": int,
    "L": int,
    "rule": Rule,
    "queries": float,
    "package": int,
    "attackers": int,
}

#: Points of a sweep, each a file.
MOST_POINTS: Final = 100_000


def parse_axis(text: str) -> tuple[str, list[Any]]:
    """An axis: `L=1:10` (ends included), `L=1:21:5`, or `package=1,16,64`.

    Raises ExperimentError for anything else, and for an axis without values or with too many.
    """
    name, _, values = text.partition("=")
    if name not in AXES:
        raise ExperimentError(f"{name!r} cannot be varied, only {', '.join(AXES)}")
    try:
        found = _values(values, AXES[name])
    except (TypeError, ValueError) as error:
        raise ExperimentError(f"{text!r} is no axis like L=1:10 or L=1,2,5") from error
    if not 0 < len(found) <= MOST_POINTS:
        raise ExperimentError(f"{text!r} has no values, or more than {MOST_POINTS}")
    return name, found


def _values(text: str, read: Callable[[str], Any]) -> list[Any]:
    if ":" not in text:
        return [read(value) for value in text.split(",")]
    first, last, *steps = (int(part) for part in text.split(":"))
    beyond = last - 1 if steps and steps[0] < 0 else last + 1
    return [read(str(number)) for number in range(first, beyond, *steps)[: MOST_POINTS + 1]]


def vary(experiment: Experiment, name: str, value: Any) -> Experiment:
    """The experiment with one number changed. Raises ParameterError for one that it cannot have."""
    exchange = experiment.exchange
    if name == "attackers":
        changed = attack_named(experiment.attack.name, value)
        return replace(experiment, attack=changed)
    if name == "queries":
        return replace(experiment, exchange=replace(exchange, query=value))
    if name == "package":
        return replace(experiment, exchange=replace(exchange, package=value))
    machine = replace(exchange.machine, **{name: value})
    return replace(experiment, exchange=replace(exchange, machine=machine))


def grid(base: Experiment, axes: Sequence[tuple[str, Sequence[Any]]]) -> Iterator[Experiment]:
    """Every combination of the axes' values, the last one running fastest.

    Raises ExperimentError for an axis that comes twice, and for more than MOST_POINTS points.
    """
    names = [name for name, _ in axes]
    if len(set(names)) < len(names):
        raise ExperimentError(f"an axis comes twice in {', '.join(names)}")
    if prod(len(values) for _, values in axes) > MOST_POINTS:
        raise ExperimentError(f"the axes have more than {MOST_POINTS} points together")
    for values in product(*(values for _, values in axes)):
        point = base
        for name, value in zip(names, values, strict=True):
            point = vary(point, name, value)
        yield point


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What is kept of one point of a sweep."""

    experiment: dict[str, Any]
    result: dict[str, Any]


def summary(experiment: Experiment, outcome: Outcome) -> dict[str, Any]:
    """The figures of an outcome, as JSON has them: None for what no run tells."""
    steps = outcome.mean_steps
    figures = {
        "runs": outcome.runs,
        "unsynchronised": outcome.unsynchronised,
        "steps_mean": steps.value,
        "steps_standard_error": steps.error,
    }
    if not isinstance(experiment.attack, NoAttack):
        for criterion in Criterion:
            share = outcome.success(criterion)
            figures[f"success_{criterion.value}"] = share.value
            figures[f"success_{criterion.value}_standard_error"] = share.error
        figures["work_mean"] = float(outcome.work.mean()) if outcome.runs else nan
    return {name: value if isfinite(value) else None for name, value in figures.items()}


def sweep(
    points: Sequence[Experiment],
    directory: Path,
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, Point], object] = lambda number, point: None,
    runs_done: Callable[[int], object] = lambda runs: None,
) -> list[Point]:
    """Run the points that `directory` does not hold yet, and return all of them in order.

    A point is one small JSON file, named after what it is. `progress` is told the number of each
    point that is done or was found, `runs_done` how many runs more are done. Raises RecordError for
    a file that holds something else, OSError where none can be made.
    """
    directory.mkdir(parents=True, exist_ok=True)
    check_writable(directory)
    done = []
    for number, experiment in enumerate(points):
        what = describe(experiment)
        name = sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:20]
        file = directory / f"{what['attack']}-{name}.json"
        if file.exists():
            point = _kept(file, what)
            runs_done(experiment.runs)
        else:
            outcome = experiment.run(
                threads=threads,
                executor=executor,
                progress=lambda group, outcome: runs_done(outcome.runs),
            )
            point = Point(experiment=what, result=summary(experiment, outcome))
            partial = file.with_suffix(".part")
            content = {"experiment": what, "result": point.result, "origin": origin()}
            partial.write_text(json.dumps(content, indent=2) + "\n")
            partial.replace(file)
        progress(number, point)
        done.append(point)
    return done


def _kept(file: Path, what: dict[str, Any]) -> Point:
    try:
        kept = json.loads(file.read_text())
        point = Point(experiment=kept["experiment"], result=dict(kept["result"]))
    except (LookupError, TypeError, ValueError) as error:
        raise RecordError(f"{file} is no point of a sweep") from error
    if point.experiment != what:
        raise RecordError(f"{file} holds another experiment")
    return point
