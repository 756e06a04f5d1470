from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.lab.covariance import covariance_leak
from tests.lab.small import exchange


class CovarianceTests(SynchronousTestCase):
    def test_many_queries_from_one_state_betray_it(self) -> None:
        # N=24, H=L, 64 queries of A: they vary most along the weights.
        leak = covariance_leak(replace(exchange(3, 24, 3, package=128), query=3.0), 24)
        self.assertEqual(leak.queries, 64)
        self.assertGreater(leak.fit.value, 5 * leak.chance)

    def test_few_do_not(self) -> None:
        # N=100, H=0.32 L, 8 queries of A: measured .0103, chance .0100.
        leak = covariance_leak(replace(exchange(3, 100, 3, package=16), query=0.96), 24)
        self.assertLess(leak.fit.value, 2 * leak.chance)

    def test_it_needs_queries(self) -> None:
        with self.assertRaises(ValueError):
            covariance_leak(exchange(3, 24, 3), 5)
