"""The picture of the frontier: strength against cost (the extra `dynamicrypt[lab]`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from dynamicrypt.lab.frontier import Limit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The colours by K, told apart with any sight (Okabe, Ito 2008).
COLOURS: Final = {3: "#999999", 4: "#009e73", 5: "#0072b2", 6: "#d55e00", 7: "#cc79a7"}
MARKERS: Final = "osDvpXPd^"

#: K, N, L and B.
Numbers = tuple[int, int, int, int]


def draw_frontier(axes: Axes, curves: Mapping[Numbers, Sequence[Limit]]) -> None:
    """Bits over the weights that the partners learn for a machine, a curve for each K, N, L, B.

    Bars reach down to what the interval of 95 % of the success leaves; where no attack succeeded
    there is only that, as an open point.
    """
    for (numbers, limits), marker in zip(curves.items(), MARKERS, strict=False):
        K, N, L, package = numbers
        cost = np.array([limit.steps * K * N for limit in limits])
        bits = np.array([limit.bits for limit in limits])
        least = np.array([limit.attack.least() for limit in limits])
        known = np.isfinite(bits)
        axes.errorbar(
            cost[known],
            bits[known],
            yerr=[bits[known] - least[known], np.zeros(int(known.sum()))],
            marker=marker,
            markersize=5,
            capsize=2,
            linewidth=1,
            color=COLOURS[K],
            label=f"{K}, {N}, {L}; {package}",
        )
        axes.plot(
            cost[~known],
            least[~known],
            marker,
            markersize=5,
            markerfacecolor="none",
            color=COLOURS[K],
        )
    axes.set_xscale("log", base=2)
    axes.set_xlabel("weights that one side learns for one machine, runs in vain included")
    axes.set_ylabel("strength, bits (one machine)")
    axes.grid(alpha=0.3)
    axes.legend(title="K, N, L; B", fontsize=7, title_fontsize=7, loc="lower right")
