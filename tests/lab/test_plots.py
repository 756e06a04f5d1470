"""Pictures of made-up measurements: every drawing draws, with what a reader needs to read it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from matplotlib.figure import Figure
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.lab import gallery, plots
from dynamicrypt.lab.cost import Cost
from dynamicrypt.lab.statistics import Estimate, fit_decay, fit_gumbel


def cost(size: float) -> Cost:
    return Cost(
        keys=10,
        rounds=size,
        bytes=100 * size,
        steps=size,
        seconds=1e-6,
        run_rounds=Estimate(3 * size, 0.1),
        passing=0.5,
        failed_probes=0.1,
        differing=1,
        repaired=0.9,
        equal_at_limit=0.1,
    )


class PlotTests(SynchronousTestCase):
    def check(self, figure: Figure, *, curves: int) -> None:
        out = BytesIO()
        figure.savefig(out)
        self.assertEqual(out.getvalue()[:4], b"\x89PNG")
        for axes in figure.axes:
            self.assertTrue(axes.get_xlabel())
        legend = figure.axes[0].get_legend()
        assert legend is not None
        self.assertEqual(len(legend.get_texts()), curves)

    def test_success_has_ours_and_published_points(self) -> None:
        figure = Figure()
        shares = [plots.Share(L=L, successes=80 >> L, trials=100) for L in range(1, 9)]
        fit = fit_decay([1, 2, 3], [40, 20, 10], [100] * 3)
        plots.draw_success(
            figure.subplots(),
            {"geometric": shares},
            {"geometric": [(1, 0.4), (9, 0.0)]},
            {"geometric": fit},
        )
        self.check(figure, curves=2)

    def test_times_and_distributions(self) -> None:
        figure = Figure()
        points = [(1, 50.0, 0.1), (2, 180.0, 0.3)]
        plots.draw_times(figure.subplots(), {"hebbian": points}, {"hebbian": [(1, 51.5)]})
        self.check(figure, curves=2)
        figure = Figure()
        steps = np.random.default_rng(1).gumbel(300, 80, 5000).astype(np.int64)
        plots.draw_distribution(figure.subplots(), steps, fit_gumbel(steps))
        self.check(figure, curves=3)

    def test_weights_and_entropies(self) -> None:
        figure = Figure()
        plots.draw_weights(figure.subplots(), {"hebbian": np.full(7, 1 / 7)}, 3)
        self.check(figure, curves=2)
        figure = Figure()
        curves = {("hebbian", 16): [(1, 1.5, 1.4), (2, 2.2, 2.0)]}
        curves["random-walk", 100] = [(1, 1.58, 1.57), (2, 2.3, 2.3)]
        plots.draw_entropies(figure.subplots(1, 2), curves, {("hebbian", 16): [(2, 2.2)]})
        self.check(figure, curves=2)

    def test_costs_have_curves_and_profiles(self) -> None:
        figure = Figure()
        points = [(B, cost(100 / B)) for B in (1, 2, 4)]
        plots.draw_costs(figure.subplots(1, 2), {3: points, 6: points}, {"fast": (2, cost(9.0))})
        self.check(figure, curves=2)
        self.assertEqual([text.get_text() for text in figure.axes[1].texts], ["fast"])

    def test_published_entropies_are_those_of_three_units(self) -> None:
        points = gallery.published_entropies()
        self.assertEqual(points["hebbian", 16], [(8, 3.67)])
        self.assertEqual(len(points), 4)
