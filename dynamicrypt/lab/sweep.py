"""A grid of experiments, point by point, each kept as soon as it is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any, Final

from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.outcome import Criterion, Outcome
from dynamicrypt.lab.record import describe, origin
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


def parse_axis(text: str) -> tuple[str, list[Any]]:
    """An axis: `L=1:10` (ends included), `L=1:21:5`, or `package=1,16,64`.

    Raises ParameterError for anything else.
    """
    name, _, values = text.partition("=")
    read = AXES.get(name)
    if read is None:
        raise ParameterError(f"{name!r} cannot be varied. Vary one of {', '.join(AXES)}")
    try:
        if ":" in values:
            first, last, *step = (int(part) for part in values.split(":"))
            return name, list(range(first, last + 1, *step))
        return name, [read(value) for value in values.split(",")]
    except (ValueError, TypeError) as error:
        raise ParameterError(f"{text!r} is no axis. Write L=1:10 or L=1,2,5") from error


def vary(experiment: Experiment, name: str, value: Any) -> Experiment:
    """The experiment with one number changed."""
    exchange = experiment.exchange
    if name == "attackers":
        return replace(experiment, attack=replace(experiment.attack, attackers=value))  # type: ignore[type-var]  # attacks are dataclasses
    if name == "queries":
        return replace(experiment, exchange=replace(exchange, query=value))
    if name == "package":
        return replace(experiment, exchange=replace(exchange, package=value))
    machine = replace(exchange.machine, **{name: value})
    return replace(experiment, exchange=replace(exchange, machine=machine))


def grid(base: Experiment, axes: Sequence[tuple[str, Sequence[Any]]]) -> Iterator[Experiment]:
    """Every combination of the axes' values, the last one running fastest."""
    for values in product(*(values for _, values in axes)):
        point = base
        for (name, _), value in zip(axes, values, strict=True):
            point = vary(point, name, value)
        yield point


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What is kept of one point of a sweep."""

    experiment: dict[str, Any]
    result: dict[str, Any]


def summary(outcome: Outcome) -> dict[str, Any]:
    """The figures of an outcome, as JSON has them."""
    steps = outcome.mean_steps
    nearly, equal = (outcome.success(criterion) for criterion in Criterion)
    return {
        "runs": outcome.runs,
        "unsynchronised": int((~outcome.finished).sum()),
        "steps_mean": steps.value,
        "steps_standard_error": steps.error,
        "success_98": nearly.value,
        "success_98_standard_error": nearly.error,
        "success_equal": equal.value,
        "success_equal_standard_error": equal.error,
        "work_mean": float(outcome.work.mean()) if outcome.runs else float("nan"),
    }


def sweep(
    points: Sequence[Experiment],
    directory: Path,
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, Point], object] = lambda number, point: None,
) -> list[Point]:
    """Run the points that `directory` does not hold yet, and return all of them in order.

    A point is one small JSON file, named after what it is. `progress` is told the number of each
    point that is done or was found.
    """
    directory.mkdir(parents=True, exist_ok=True)
    done = []
    for number, experiment in enumerate(points):
        what = describe(experiment)
        name = sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:20]
        file = directory / f"{what['attack']}-{name}.json"
        if file.exists():
            kept = json.loads(file.read_text())
            point = Point(experiment=kept["experiment"], result=kept["result"])
        else:
            outcome = experiment.run(threads=threads, executor=executor)
            point = Point(experiment=what, result=summary(outcome))
            partial = file.with_suffix(".part")
            content = {"experiment": what, "result": point.result, "origin": origin()}
            partial.write_text(json.dumps(content, indent=2) + "\n")
            partial.replace(file)
        progress(number, point)
        done.append(point)
    return done
