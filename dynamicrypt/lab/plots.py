"""Pictures of measurements, with published points beside ours (the extra `dynamicrypt[lab]`).

Every function draws into axes that it is given and returns nothing; colours follow the attack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from dynamicrypt.lab.statistics import Decay, Gumbel, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: One colour for each attack or rule, told apart with any sight (Okabe, Ito 2008).
COLOURS: Final[Mapping[str, str]] = {
    "simple": "#999999",
    "geometric": "#0072b2",
    "majority": "#009e73",
    "genetic": "#d55e00",
    "probabilistic": "#cc79a7",
    "hebbian": "#0072b2",
    "random-walk": "#d55e00",
    "anti-hebbian": "#009e73",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A point of a curve: successes of trials at one L."""

    L: int
    successes: int
    trials: int


def draw_success(
    axes: Axes,
    measured: Mapping[str, Sequence[Share]],
    published: Mapping[str, Sequence[tuple[int, float]]],
    fits: Mapping[str, Decay],
) -> None:
    """Success of attacks over L, logarithmic: ours with intervals of 95 %, published ones open."""
    for name, shares in measured.items():
        L = np.array([share.L for share in shares])
        p = np.array([share.successes / share.trials for share in shares])
        ends = np.array([wilson(share.successes, share.trials) for share in shares])
        seen = p > 0
        axes.errorbar(
            L[seen],
            p[seen],
            yerr=np.abs(ends[seen].T - p[seen]),
            fmt="o",
            markersize=4,
            capsize=2,
            color=COLOURS[name],
            label=name,
        )
        axes.plot(L[~seen], ends[~seen, 1], "v", color=COLOURS[name], markersize=4)
    for name, points in published.items():
        axes.plot(
            [L for L, p in points if p > 0],
            [p for _, p in points if p > 0],
            "s",
            markersize=8,
            markerfacecolor="none",
            color=COLOURS[name],
            label=f"{name}, published",
        )
    for name, fit in fits.items():
        levels = np.linspace(max(fit.start.value, 0), max(s.L for s in measured[name]), 50)
        axes.plot(
            levels,
            [np.exp(fit.log_success(float(L)).value) for L in levels],
            "-",
            linewidth=0.8,
            color=COLOURS[name],
        )
    axes.set_yscale("log")
    axes.set_xlabel("L")
    axes.set_ylabel("success, 98 % of the weights")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)


def draw_times(
    axes: Axes,
    measured: Mapping[str, Sequence[tuple[int, float, float]]],
    published: Mapping[str, Sequence[tuple[int, float]]],
) -> None:
    """Mean steps to synchronisation over L: ours with errors (too small to see), published open."""
    for name, points in measured.items():
        L, value, error = zip(*points, strict=True)
        axes.errorbar(L, value, yerr=error, fmt="o-", markersize=3, color=COLOURS[name], label=name)
    for name, pairs in published.items():
        axes.plot(
            [L for L, _ in pairs],
            [value for _, value in pairs],
            "s",
            markersize=8,
            markerfacecolor="none",
            color=COLOURS[name],
            label=f"{name}, published",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("L")
    axes.set_ylabel("steps")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)


def draw_distribution(axes: Axes, steps: NDArray[np.int64], fit: Gumbel) -> None:
    """The distribution of steps, and the Gumbel distribution that fits it best."""
    axes.hist(steps, bins=80, density=True, color="#bbbbbb", label=f"{len(steps)} runs")
    x = np.linspace(float(steps.min()), float(steps.max()), 400)
    z = (fit.location.value - x) / fit.scale.value
    axes.plot(x, np.exp(z - np.exp(z)) / fit.scale.value, color="#d55e00", label="Gumbel")
    axes.set_xlabel("steps")
    axes.set_ylabel("density")
    axes.legend(fontsize=8)


def draw_overlap(axes: Axes, times: NDArray[np.int64], rho: NDArray[np.float64]) -> None:
    """Overlap of A and B over time: the mean, and the middle 80 % of pairs."""
    pairs = rho.mean(axis=2)
    low, high = np.quantile(pairs, [0.1, 0.9], axis=1)
    axes.fill_between(times, low, high, color="#0072b2", alpha=0.2, linewidth=0)
    axes.plot(times, pairs.mean(axis=1), color="#0072b2")
    axes.set_xlabel("steps")
    axes.set_ylabel("overlap of A and B")
    axes.set_ylim(-0.2, 1.02)
    axes.grid(alpha=0.3)


def draw_weights(axes: Axes, shares: Mapping[str, NDArray[np.float64]], L: int) -> None:
    """Share of each value of a weight at synchronisation, by rule."""
    values = np.arange(-L, L + 1)
    width = 0.8 / len(shares)
    for place, (name, share) in enumerate(shares.items()):
        axes.bar(
            values + (place - (len(shares) - 1) / 2) * width,
            share,
            width,
            color=COLOURS[name],
            label=name,
        )
    axes.axhline(1 / (2 * L + 1), color="black", linewidth=0.6)
    axes.set_xlabel("weight")
    axes.set_ylabel("share")
    axes.legend(fontsize=8)
