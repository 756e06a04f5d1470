"""The published figures, measured again.

Each is held against ours within five standard errors; these combine ours, the published one's,
and the error of reading it off a plot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from math import hypot, sqrt
from typing import Any, Final, Literal

from dynamicrypt.lab.attacks import NoAttack, attack_named
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.finish import success_by_rank
from dynamicrypt.lab.outcome import Criterion, Outcome
from dynamicrypt.lab.statistics import Estimate, proportion
from dynamicrypt.lab.weights import entropy, synchronised_weights
from dynamicrypt.params import MachineParameters, Rule

Form = Literal["short", "full"]

#: Weights learnt or evaluated that one figure may cost: about a second, or a minute, of a core.
_EFFORT: Final = {"short": 1e10, "full": 6e11}
#: The fewest and the most runs. A figure that is out of reach in the short form is left out.
_FEWEST: Final = {"short": 100, "full": 100}
_MOST: Final = {"short": 4_000, "full": 40_000}
#: A query costs about as much as fifty machines that learn in lanes.
_QUERY_COST: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A figure of the literature: what it is of, its value, and how sure it is."""

    what: str
    experiment: Experiment
    value: float
    error: float | None
    runs: int | None
    trials: int | None
    place: str

    @property
    def label(self) -> str:
        """The figure in a few words."""
        exchange, attack = self.experiment.exchange, self.experiment.attack
        machine = exchange.machine
        words = [f"{machine.K},{machine.N},{machine.L} {machine.rule.value}"]
        if not isinstance(attack, NoAttack):
            words.append(attack.name)
            if getattr(attack, "attackers", 1) > 1:
                words[-1] += f" M={getattr(attack, 'attackers')}"  # noqa: B009
        words += [
            f"{name}={value:g}"
            for name, value, default in (
                ("H", exchange.query, None),
                ("B", exchange.package, 1),
                ("delay", exchange.delay, 0),
            )
            if value is not None and value != default
        ]
        return f"{self.what}: " + ", ".join(words)

    def estimate(self, ours: Estimate, our_runs: int, reading: float) -> Estimate:
        """The published value with its error.

        Where only the number of runs is known, the spread is taken from our own.
        """
        read = reading * self.value if self.place.startswith("T ") else 0.0
        if self.trials is not None:
            share = proportion(round(self.value * self.trials), self.trials)
            return replace(share, value=self.value, error=hypot(share.error, read))
        error = self.error or 0.0
        if self.runs is not None:
            error = ours.error * sqrt(our_runs / self.runs)
        return Estimate(self.value, hypot(error, read))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A published figure and ours."""

    figure: Published
    published: Estimate
    ours: Estimate
    runs: int

    @property
    def agrees(self) -> bool:
        """Whether both are within five standard errors."""
        return self.ours.agrees_with(self.published)

    @property
    def distance(self) -> float:
        """How many combined standard errors they are apart."""
        error = sqrt(self.ours.error**2 + self.published.error**2)
        return (self.ours.value - self.published.value) / error if error else 0.0


def published() -> tuple[list[Published], float]:
    """All figures, and the relative error of reading a plot."""
    content = json.loads(files("dynamicrypt.lab").joinpath("literature.json").read_text())
    return [_figure(entry) for entry in content["figures"]], content["reading_error"]


def reproduce(
    form: Form,
    *,
    seed: int = 0,
    threads: int | None = None,
    wanted: Callable[[Published], bool] = lambda figure: True,
) -> Iterator[Comparison]:
    """Measure the figures one after the other."""
    figures, reading = published()
    for figure in figures:
        runs = affordable_runs(figure, form)
        if runs >= _FEWEST[form] and wanted(figure):
            yield compare(figure, runs, reading, seed=seed, threads=threads)


def compare(
    figure: Published, runs: int, reading: float, *, seed: int, threads: int | None
) -> Comparison:
    """Measure one figure with so many runs."""
    exchange = figure.experiment.exchange
    if figure.what == "entropy":
        ours = entropy(synchronised_weights(exchange, runs, seed=seed), exchange.machine.L)
    else:
        outcome = Experiment(
            exchange=exchange, attack=figure.experiment.attack, runs=runs, seed=seed
        ).run(threads=threads)
        ours = _figure_of(outcome, figure.what)
    return Comparison(
        figure=figure, published=figure.estimate(ours, runs, reading), ours=ours, runs=runs
    )


def _figure_of(outcome: Outcome, what: str) -> Estimate:
    """Mean steps, success by a criterion, or that against the first or last to finish of ten."""
    if what == "steps":
        return outcome.mean_steps
    if what in ("first of ten", "last of ten"):
        return success_by_rank(outcome, 10)[0 if what == "first of ten" else -1]
    return outcome.success(Criterion(what))


def affordable_runs(figure: Published, form: Form) -> int:
    """How many runs of a figure the form affords; 0 where it affords too few to mean anything."""
    exchange = figure.experiment.exchange
    machine = exchange.machine
    steps = figure.value if figure.what == "steps" else 55 * machine.L**2 + exchange.delay
    machines = 2 + 0.6 * getattr(figure.experiment.attack, "attackers", 0)
    if exchange.query is not None:
        machines += _QUERY_COST
    runs = int(_EFFORT[form] / (steps * machine.weights * machines))
    if form == "full":
        runs = max(runs, _FEWEST[form])
    return 0 if runs < _FEWEST[form] else min(runs, _MOST[form])


def disagreements(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Those that are out of tolerance."""
    return [comparison for comparison in comparisons if not comparison.agrees]


def _figure(entry: dict[str, Any]) -> Published:
    machine = MachineParameters(K=entry["K"], N=entry["N"], L=entry["L"], rule=Rule(entry["rule"]))
    exchange = Exchange(
        machine=machine,
        query=entry.get("queries"),
        package=entry.get("package", 1),
        delay=entry.get("delay", 0),
    )
    attack = attack_named(entry.get("attack", "none"), entry.get("attackers"))
    return Published(
        what=entry["what"],
        experiment=Experiment(exchange=exchange, attack=attack, runs=0),
        value=entry["value"],
        error=entry.get("error"),
        runs=entry.get("runs"),
        trials=entry.get("trials"),
        place=entry["place"],
    )
