"""A Dask cluster of processes on this machine gives what threads give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from distributed import LocalCluster
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import SynchronisationError
from dynamicrypt.lab.attacks import Majority
from dynamicrypt.lab.cluster import cluster
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.sweep import grid, sweep
from tests.lab.small import exchange


class ClusterTests(SynchronousTestCase):
    def test_a_cluster_gives_what_threads_give(self) -> None:
        experiment = Experiment(exchange=exchange(3, 12, 2), attack=Majority(attackers=9), runs=40)
        with (
            LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                host="127.0.0.1",
            ) as local,
            cluster(local.scheduler_address) as executor,
        ):
            there = experiment.run(executor=executor)
            points = list(grid(experiment, [("L", [1, 2])]))
            swept = sweep(points, Path(self.mktemp()), executor=executor)
        here = experiment.run()
        for name in ("steps", "matched", "work"):
            self.assertTrue(np.array_equal(getattr(here, name), getattr(there, name)))
        self.assertEqual(swept, sweep(points, Path(self.mktemp())))

    def test_what_is_no_address_is_a_clear_error(self) -> None:
        for address in ("nonsense", "http://127.0.0.1:1"):
            with self.assertRaises(ExperimentError), cluster(address):
                pass

    def test_a_scheduler_that_is_not_there_is_a_clear_error(self) -> None:
        with self.assertRaises(SynchronisationError), cluster("tcp://127.0.0.1:1"):
            pass
