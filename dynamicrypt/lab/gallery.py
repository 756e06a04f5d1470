"""The pictures of the tutorial: what they measure, and how they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from dynamicrypt.lab import plots
from dynamicrypt.lab.attacks import attack_named
from dynamicrypt.lab.cost import measure
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment, synchronise
from dynamicrypt.lab.extras import require
from dynamicrypt.lab.frontier import limits
from dynamicrypt.lab.frontier_plot import Numbers, draw_frontier
from dynamicrypt.lab.randomness import most_common_value
from dynamicrypt.lab.record import check_writable
from dynamicrypt.lab.reproduce import published
from dynamicrypt.lab.statistics import Decay, fit_decay, fit_gumbel
from dynamicrypt.lab.sweep import Point, grid, sweep
from dynamicrypt.lab.weights import distribution, entropy, overlaps, synchronised_weights
from dynamicrypt.params import (
    PROFILES,
    STEP_LIMIT_RANGE,
    ExchangeParameters,
    MachineParameters,
    Rule,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: L and runs of each attack in the picture of success, at K=3, N=1000, random walk.
SUCCESS: Final[Mapping[str, Mapping[int, int]]] = {
    "simple": {1: 4000, 2: 4000, 3: 4000},
    "geometric": {1: 4000, 2: 4000, 3: 4000, 4: 4000, 5: 4000, 6: 8000, 8: 16000, 10: 30000},
    "majority": {1: 400, 2: 400, 3: 400, 5: 400, 8: 300, 10: 200, 13: 200, 16: 150, 20: 100},
    "genetic": {1: 40, 3: 40, 5: 40, 8: 40, 10: 40, 13: 40, 16: 40, 20: 40},
    "probabilistic": {1: 100, 2: 100, 3: 100, 5: 60, 8: 40, 10: 30},
}

#: Steps after which a pair of the picture of entropies is left out, and pairs that a point needs.
ENTROPY_LIMIT: Final = 200_000
ENTROPY_LEAST: Final = 1000

#: Runs of the frontier by K, N, L and B; random walk.
FRONTIER: Final[Mapping[Numbers, int]] = {
    (3, 100, 3, 16): 100_000,
    (3, 100, 6, 64): 100_000,
    (4, 100, 3, 16): 200_000,
    (5, 100, 2, 16): 200_000,
    (5, 100, 3, 32): 200_000,
    (6, 48, 2, 16): 400_000,
    (6, 48, 2, 32): 400_000,
    (6, 100, 2, 32): 200_000,
    (7, 100, 3, 8): 100_000,
}

Advance = Callable[[int, Point], object]


def exchange(K: int, N: int, L: int, rule: Rule = Rule.RANDOM_WALK) -> Exchange:
    """The plain exchange of these machines."""
    return Exchange(machine=MachineParameters(K=K, N=N, L=L, rule=rule))


def success(figure: Figure, directory: Path, advance: Advance) -> None:
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
    plots.draw_success(figure.subplots(), measured, _published_success(), decays(measured))


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


def times(figure: Figure, directory: Path, advance: Advance) -> None:
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
    for each in published()[0]:
        machine = each.experiment.exchange.machine
        if each.what == "steps" and each.experiment.exchange == exchange(
            3, 1000, machine.L, machine.rule
        ):
            points.setdefault(machine.rule.value, []).append((machine.L, each.value))
    plots.draw_times(figure.subplots(), measured, points)


def steps(figure: Figure, directory: Path, advance: Advance) -> None:
    """The distribution of steps at K=3, N=100, L=3, random walk."""
    outcome = synchronise(exchange(3, 100, 3), 100_000, seed=1)
    plots.draw_distribution(figure.subplots(), outcome.steps, fit_gumbel(outcome.steps))


def overlap(figure: Figure, directory: Path, advance: Advance) -> None:
    """Overlap of A and B over time at K=3, N=100, L=3, random walk."""
    every = 10
    rho = overlaps(exchange(3, 100, 3), 800, every=every, seed=1)
    plots.draw_overlap(figure.subplots(), np.arange(len(rho)) * every, rho)


def weights(figure: Figure, directory: Path, advance: Advance) -> None:
    """Weights at synchronisation at K=3, N=100, L=8, by rule.

    Not anti-Hebbian: at L/sqrt(N) >= 0.75 it practically never synchronises.
    """
    shares = {
        rule.value: distribution(synchronised_weights(exchange(3, 100, 8, rule), 2000, seed=1), 8)
        for rule in (Rule.HEBBIAN, Rule.RANDOM_WALK)
    }
    plots.draw_weights(figure.subplots(), shares, 8)


def entropies(figure: Figure, directory: Path, advance: Advance) -> None:
    """Entropy of a weight over L at K=3, by rule and N, as a share of the maximum.

    Only where L/sqrt(N) < 0.7: beyond, the anti-Hebbian rule practically never synchronises.
    """
    curves = {}
    for rule in Rule:
        for N in (16, 100):
            points = []
            for L in range(1, 11):
                if rule is Rule.ANTI_HEBBIAN and N**0.5 * 0.7 <= L:
                    continue
                found = synchronised_weights(
                    replace(exchange(3, N, L, rule), limit=ENTROPY_LIMIT), 1500, seed=1
                )
                if len(found) >= ENTROPY_LEAST:
                    points.append((L, entropy(found, L).value, most_common_value(found.ravel())))
            curves[rule.value, N] = points
    plots.draw_entropies(figure.subplots(1, 2, sharey=True), curves, published_entropies())


def published_entropies() -> dict[tuple[str, int], list[tuple[int, float]]]:
    """Published entropies of a weight in bits, by rule and N, with their L."""
    points: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for figure in published()[0]:
        machine = figure.experiment.exchange.machine
        if figure.what == "entropy" and machine.K == 3:
            place = points.setdefault((machine.rule.value, machine.N), [])
            place.append((machine.L, figure.value))
    return points


def costs(figure: Figure, directory: Path, advance: Advance) -> None:
    """Round trips to a key and bytes of a key over B, and where the profiles are.

    Curves are of K=3, N=100, random walk, m=1, a bank of 64 machines without a step limit.
    """
    curves = {}
    for L, agreements in ((3, 48), (6, 96)):
        curves[L] = [
            (
                B,
                measure(
                    ExchangeParameters(
                        machine=exchange(3, 100, L).machine,
                        package=B,
                        fusion=1,
                        machines=64,
                        agreements=agreements,
                        step_limit=STEP_LIMIT_RANGE[-1],
                    ),
                    passes=1500,
                    seed=1,
                ),
            )
            for B in (1, 2, 4, 8, 16, 32, 64)
        ]
    profiles = {
        name: (profile.exchange.package, measure(profile.exchange, passes=300, seed=1))
        for name, profile in PROFILES.items()
    }
    plots.draw_costs(figure.subplots(1, 2), curves, profiles)


def frontier(figure: Figure, directory: Path, advance: Advance) -> None:
    """Strength of one machine against its cost, as the step limit gets tighter.

    Keys are made when 32 agreements were seen, at the end of a package.
    """
    curves = {
        (K, N, L, B): list(
            limits(replace(exchange(K, N, L), package=B, delay=32 + B), runs=runs, seed=1)
        )
        for (K, N, L, B), runs in FRONTIER.items()
    }
    draw_frontier(figure.subplots(), curves)


#: The pictures by name.
PICTURES: Final[Mapping[str, Callable[[Figure, Path, Advance], None]]] = {
    "success": success,
    "times": times,
    "steps": steps,
    "overlap": overlap,
    "weights": weights,
    "entropy": entropies,
    "cost": costs,
    "frontier": frontier,
}


def draw(
    name: str, path: Path, directory: Path, advance: Advance = lambda number, point: None
) -> None:
    """Measure and draw one picture; sweeps keep their points in `directory`.

    Before it measures it raises ExtraError without matplotlib, ExperimentError for a kind of file
    that is none of a picture's, and OSError where none can be made.
    """
    require("matplotlib")
    from matplotlib.backend_bases import FigureCanvasBase  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    kinds = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix.removeprefix(".").lower() not in kinds:
        raise ExperimentError(f"{path} does not end like a picture: {', '.join(kinds)}")
    check_writable(path.parent)
    size = {"success": (7.0, 5.0), "cost": (9.0, 4.0)}.get(name, (6.0, 4.0))
    figure = Figure(figsize=size, layout="constrained")
    PICTURES[name](figure, directory, advance)
    figure.savefig(path, dpi=110)
