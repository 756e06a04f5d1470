"""The pictures of the tutorial: what they measure, and how they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dynamicrypt.lab import plots
from dynamicrypt.lab.attacks import attack_named
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment, synchronise
from dynamicrypt.lab.reproduce import published
from dynamicrypt.lab.statistics import Decay, fit_decay, fit_gumbel
from dynamicrypt.lab.sweep import Point, grid, sweep
from dynamicrypt.lab.weights import distribution, overlaps, synchronised_weights
from dynamicrypt.params import MachineParameters, Rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: L and runs of each attack in the picture of success, at K=3, N=1000, random walk.
SUCCESS: Final[Mapping[str, Mapping[int, int]]] = {
    "simple": {1: 4000, 2: 4000, 3: 4000},
    "geometric": {1: 4000, 2: 4000, 3: 4000, 4: 4000, 5: 4000, 6: 8000, 8: 16000, 10: 30000},
    "majority": {1: 400, 2: 400, 3: 400, 5: 400, 8: 300, 10: 200, 13: 200, 16: 150, 20: 100},
    "genetic": {1: 40, 3: 40, 5: 40, 8: 40, 10: 40, 13: 40, 16: 40, 20: 40},
    "probabilistic": {1: 100, 2: 100, 3: 100, 5: 60, 8: 40, 10: 30},
}

Advance = Callable[[int, Point], object]


def exchange(K: int, N: int, L: int, rule: Rule = Rule.RANDOM_WALK) -> Exchange:
    """The plain exchange of these machines."""
    return Exchange(machine=MachineParameters(K=K, N=N, L=L, rule=rule))


def success(axes: Axes, directory: Path, advance: Advance) -> None:
    """P_E over L for the attacks, at K=3, N=1000, random walk, random inputs."""
    measured: dict[str, list[plots.Share]] = {}
    for name, levels in SUCCESS.items():
        points = [
            Experiment(exchange=exchange(3, 1000, L), attack=attack_named(name), runs=runs, seed=1)
            for L, runs in levels.items()
        ]
        for point in sweep(points, directory, progress=advance):
            trials = point.result["runs"] - point.result["unsynchronised"]
            share = plots.Share(
                L=point.experiment["L"],
                successes=round(point.result["success_98"] * trials),
                trials=trials,
            )
            measured.setdefault(name, []).append(share)
    plots.draw_success(axes, measured, _published_success(), decays(measured))


def decays(measured: Mapping[str, list[plots.Share]]) -> dict[str, Decay]:
    """Exponential fits of the attacks that decay, each from where its decay has begun."""
    found = {}
    for name, first in (("geometric", 3), ("majority", 3), ("genetic", 16)):
        shares = [share for share in measured.get(name, []) if first <= share.L]
        try:
            found[name] = fit_decay(
                [share.L for share in shares],
                [share.successes for share in shares],
                [share.trials for share in shares],
            )
        except ValueError:
            continue
    return found


def _published_success() -> dict[str, list[tuple[int, float]]]:
    points: dict[str, list[tuple[int, float]]] = {}
    for figure in published()[0]:
        plan = figure.experiment.exchange
        if figure.what == "98" and plan == exchange(3, 1000, plan.machine.L):
            name = figure.experiment.attack.name
            points.setdefault(name, []).append((plan.machine.L, figure.value))
    return points


def times(axes: Axes, directory: Path, advance: Advance) -> None:
    """Mean steps over L at K=3, N=1000, with the published points."""
    measured = {}
    for rule in (Rule.HEBBIAN, Rule.RANDOM_WALK):
        base = Experiment(exchange=exchange(3, 1000, 1, rule), runs=2000, seed=1)
        found = sweep(list(grid(base, [("L", range(1, 11))])), directory, progress=advance)
        measured[rule.value] = [
            (p.experiment["L"], p.result["steps_mean"], p.result["steps_standard_error"])
            for p in found
        ]
    points: dict[str, list[tuple[int, float]]] = {}
    for figure in published()[0]:
        machine = figure.experiment.exchange.machine
        if figure.what == "steps" and figure.experiment.exchange == exchange(
            3, 1000, machine.L, machine.rule
        ):
            points.setdefault(machine.rule.value, []).append((machine.L, figure.value))
    plots.draw_times(axes, measured, points)


def steps(axes: Axes, directory: Path, advance: Advance) -> None:
    """The distribution of steps at K=3, N=100, L=3, random walk."""
    outcome = synchronise(exchange(3, 100, 3), 100_000, seed=1)
    plots.draw_distribution(axes, outcome.steps, fit_gumbel(outcome.steps))


def overlap(axes: Axes, directory: Path, advance: Advance) -> None:
    """Overlap of A and B over time at K=3, N=100, L=3, random walk."""
    every = 10
    rho = overlaps(exchange(3, 100, 3), 800, every=every, seed=1)
    plots.draw_overlap(axes, np.arange(len(rho)) * every, rho)


def weights(axes: Axes, directory: Path, advance: Advance) -> None:
    """Weights at synchronisation at K=3, N=100, L=8, by rule.

    Not anti-Hebbian: at L/sqrt(N) >= 0.75 it practically never synchronises.
    """
    shares = {
        rule.value: distribution(synchronised_weights(exchange(3, 100, 8, rule), 2000, seed=1), 8)
        for rule in (Rule.HEBBIAN, Rule.RANDOM_WALK)
    }
    plots.draw_weights(axes, shares, 8)


#: The pictures by name.
PICTURES: Final[Mapping[str, Callable[[Axes, Path, Advance], None]]] = {
    "success": success,
    "times": times,
    "steps": steps,
    "overlap": overlap,
    "weights": weights,
}


def draw(
    name: str, path: Path, directory: Path, advance: Advance = lambda number, point: None
) -> None:
    """Measure and draw one picture; sweeps keep their points in `directory`."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    size: Any = (7.0, 5.0) if name == "success" else (6.0, 4.0)
    figure = Figure(figsize=size, layout="constrained")
    PICTURES[name](figure.subplots(), directory, advance)
    figure.savefig(path, dpi=110)
