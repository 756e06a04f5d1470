"""Pictures of measurements, with published points beside ours (the extra `dynamicrypt[lab]`).

Every function draws into axes that it is given and returns nothing; colours follow the attack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from dynamicrypt.lab.cost import Cost
from dynamicrypt.lab.statistics import Decay, Gumbel, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import Locator

#: One colour for each attack or rule, told apart with any sight (Okabe, Ito 2008).
COLOURS: Final[Mapping[str, str]] = {
    "simple": "#999999",
    "geometric": "#0072b2",
    "majority": "#009e73",
    "genetic": "#d55e00",
    "particle": "#56b4e9",
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


def whole_numbers() -> Locator:
    """Ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - an extra

    return MaxNLocator(integer=True)


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
    axes.xaxis.set_major_locator(whole_numbers())
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
    levels = sorted({L for points in measured.values() for L, _, _ in points})
    axes.set_xticks(levels, [f"{L}" for L in levels])
    axes.minorticks_off()
    axes.set_xlabel("L")
    axes.set_ylabel("steps")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)


def draw_distribution(axes: Axes, steps: NDArray[np.int64], fit: Gumbel) -> None:
    """The distribution of steps, and the Gumbel distribution that fits it best."""
    most = float(np.quantile(steps, 0.9995))
    # Bars of whole steps: others would hold different numbers of them.
    bins = np.arange(0, most, max(1, round(most / 80))).tolist()
    axes.hist(steps, bins=bins, density=True, color="#bbbbbb", label="runs")
    x = np.linspace(0, most, 400)
    z = (fit.location.value - x) / fit.scale.value
    name = f"Gumbel, location {fit.location.value:.1f}, scale {fit.scale.value:.1f}"
    axes.plot(x, np.exp(z - np.exp(z)) / fit.scale.value, color="#d55e00", label=name)
    axes.axvline(
        float(steps.mean()), color="black", linewidth=0.6, label=f"mean {steps.mean():.1f}"
    )
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
    axes.axhline(1 / (2 * L + 1), color="black", linewidth=0.6, label="uniform")
    axes.xaxis.set_major_locator(whole_numbers())
    axes.set_xlabel("weight")
    axes.set_ylabel("share")
    axes.legend(fontsize=8)


def draw_entropies(
    panels: Sequence[Axes],
    curves: Mapping[tuple[str, int], Sequence[tuple[int, float, float]]],
    published: Mapping[tuple[str, int], Sequence[tuple[int, float]]],
) -> None:
    """Entropy of a weight over L as a share of the maximum: Shannon (left) and min (right).

    Curves are by rule and N: points (L, Shannon, min-entropy) in bits. Published ones are open.
    """
    for (rule, N), points in curves.items():
        L = np.array([level for level, _, _ in points])
        for axes, values in zip(panels, list(zip(*points, strict=True))[1:], strict=True):
            axes.plot(
                L,
                np.array(values) / np.log2(2 * L + 1),
                "o-" if N == 100 else "^--",
                markersize=3,
                linewidth=0.9,
                color=COLOURS[rule],
                label=f"{rule}, N={N}",
            )
    for (rule, _), pairs in published.items():
        panels[0].plot(
            [L for L, _ in pairs],
            [value / np.log2(2 * L + 1) for L, value in pairs],
            "s",
            markersize=8,
            markerfacecolor="none",
            color=COLOURS[rule],
        )
    for axes, title in zip(panels, ("Shannon", "most common value"), strict=True):
        axes.set_title(title, fontsize=9)
        axes.xaxis.set_major_locator(whole_numbers())
        axes.set_xlabel("L")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("entropy of a weight / log2(2L+1)")
    panels[0].legend(fontsize=7)


def draw_costs(
    panels: Sequence[Axes],
    curves: Mapping[int, Sequence[tuple[int, Cost]]],
    profiles: Mapping[str, tuple[int, Cost]],
) -> None:
    """Round trips of a run (left) and bytes of a key (right) over B: curves by L, and profiles."""
    for axes, name in zip(panels, ("run_rounds", "bytes"), strict=True):

        def value(cost: Cost, name: str = name) -> float:
            return cost.run_rounds.value if name == "run_rounds" else cost.bytes

        for (L, points), colour in zip(curves.items(), ("#0072b2", "#d55e00"), strict=False):
            axes.plot(
                [B for B, _ in points],
                [value(cost) for _, cost in points],
                "o-",
                markersize=3,
                color=colour,
                label=f"K=3, N=100, L={L}, m=1",
            )
        for profile, (package, cost) in profiles.items():
            axes.plot(package, value(cost), "s", markersize=6, color="black")
            axes.annotate(
                profile,
                (package, value(cost)),
                xytext=(-6, 5),
                textcoords="offset points",
                ha="right",
                fontsize=8,
            )
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        packages = sorted({B for points in curves.values() for B, _ in points})
        axes.set_xticks(packages, [f"{B}" for B in packages])
        axes.set_xlabel("B, steps of a package")
        axes.grid(alpha=0.3, which="both")
    panels[0].set_ylabel("rounds of a run that passes")
    panels[1].set_ylabel("bytes of a key, both directions")
    panels[0].legend(fontsize=8)
