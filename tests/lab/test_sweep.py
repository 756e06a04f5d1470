"""Sweeps: axes, grids, and points that are kept."""

from __future__ import annotations

import json
from concurrent.futures import Executor, Future
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.attacks import Genetic, Geometric, Majority
from dynamicrypt.lab.errors import ExperimentError, RecordError
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.sweep import MOST_POINTS, grid, parse_axis, sweep
from dynamicrypt.params import Rule
from tests.lab.small import exchange


class AtOnce(Executor):
    """Runs a task when it is submitted."""

    def submit(self, task, /, *arguments, **named):  # type: ignore[no-untyped-def]  # as its base
        future: Future[object] = Future()
        future.set_result(task(*arguments, **named))
        return future


class AxisTests(SynchronousTestCase):
    def test_axes_are_ranges_and_lists(self) -> None:
        self.assertEqual(parse_axis("L=1:4"), ("L", [1, 2, 3, 4]))
        self.assertEqual(parse_axis("L=1:9:4"), ("L", [1, 5, 9]))
        self.assertEqual(parse_axis("L=3:1:-1"), ("L", [3, 2, 1]))
        self.assertEqual(parse_axis("queries=1:2"), ("queries", [1.0, 2.0]))
        self.assertEqual(parse_axis("rule=hebbian"), ("rule", [Rule.HEBBIAN]))

    def test_what_is_no_axis_is_refused(self) -> None:
        for wrong in ("L", "L=", "L=a", "Q=1", "L=1:2:3:4", "L=1:2:0", "rule=gradient", "rule=1:2"):
            with self.assertRaises(ExperimentError, msg=wrong):
                parse_axis(wrong)

    def test_an_axis_has_some_values_and_not_too_many(self) -> None:
        for wrong in ("L=3:1", f"N=1:{MOST_POINTS + 1}", "N=1:99999999999999999999999"):
            with self.assertRaises(ExperimentError, msg=wrong):
                parse_axis(wrong)


class GridTests(SynchronousTestCase):
    def test_a_grid_has_every_combination(self) -> None:
        base = Experiment(exchange=exchange(3, 10, 2), attack=Majority(attackers=5), runs=8)
        points = list(grid(base, [("L", [1, 2]), ("package", [1, 4]), ("attackers", [5, 6])]))
        self.assertEqual(len(points), 8)
        self.assertEqual(points[-1].exchange.machine.L, 2)
        self.assertEqual(points[-1].exchange.package, 4)
        self.assertEqual(points[-1].attack, Majority(attackers=6))

    def test_what_is_no_grid_is_refused(self) -> None:
        plain = Experiment(exchange=exchange(3, 10, 2), runs=8)
        heard = Experiment(exchange=exchange(3, 10, 2), attack=Geometric(), runs=8)
        for base, axes in (
            (plain, [("L", [1]), ("L", [2])]),
            (plain, [("N", list(range(1, 1001))), ("seed", list(range(101)))]),
            (plain, [("attackers", [3])]),
            (heard, [("attackers", [0])]),
            (heard, [("L", [0])]),
        ):
            with self.assertRaises(ParameterError, msg=str(axes)):
                list(grid(base, axes))


class SweepTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        base = Experiment(exchange=exchange(3, 10, 2), attack=Geometric(), runs=60)
        self.points = list(grid(base, [("L", [1, 2, 3])]))

    def test_points_that_are_there_are_not_run_again(self) -> None:
        first = sweep(self.points[:2], self.directory, executor=AtOnce())
        kept = {file: file.stat().st_mtime_ns for file in self.directory.iterdir()}
        self.assertEqual(len(kept), 2)
        again = sweep(self.points, self.directory, executor=AtOnce())
        self.assertEqual(again[:2], first)
        self.assertEqual({file: file.stat().st_mtime_ns for file in kept}, kept)
        self.assertEqual(len(list(self.directory.iterdir())), 3)

    def test_runs_are_counted_as_they_are_done(self) -> None:
        done: list[int] = []
        sweep(self.points[:1], self.directory, executor=AtOnce())
        sweep(self.points, self.directory, executor=AtOnce(), runs_done=done.append)
        self.assertEqual(done, [60, 60, 60])

    def test_a_point_without_a_result_is_valid_json(self) -> None:
        never = Experiment(exchange=exchange(3, 10, 9, limit=2), runs=5)
        (point,) = sweep([never], self.directory, executor=AtOnce())
        self.assertIsNone(point.result["steps_mean"])
        self.assertNotIn("success_98", point.result)
        (file,) = self.directory.iterdir()
        json.loads(file.read_text(), parse_constant=self.fail)

    def test_what_is_no_point_is_left_alone(self) -> None:
        sweep(self.points[:1], self.directory, executor=AtOnce())
        (file,) = self.directory.iterdir()
        whole = json.loads(file.read_text())
        for other in ("", "{", "[1]", "{}", json.dumps({**whole, "experiment": {}})):
            file.write_text(other)
            with self.assertRaises(RecordError, msg=other):
                sweep(self.points[:1], self.directory, executor=AtOnce())
            self.assertEqual(file.read_text(), other)

    def test_an_attack_that_cannot_be_made_is_told(self) -> None:
        wide = Experiment(exchange=exchange(8, 10, 1), attack=Genetic(), runs=5)
        with self.assertRaises(ExperimentError) as caught:
            sweep([wide], self.directory)
        self.assertIn("genetic: k is 8, not in 1..7", str(caught.exception))
