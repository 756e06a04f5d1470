"""Threads that work and are left alone."""

from __future__ import annotations

import threading

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.lab.workers import Workers


class WorkersTests(SynchronousTestCase):
    def test_results_and_errors_come_back(self) -> None:
        with Workers(2) as workers:
            results = [workers.submit(divmod, 7, number) for number in (2, 3, 0)]
            self.assertEqual([result.result(10) for result in results[:2]], [(3, 1), (2, 1)])
            self.assertIsInstance(results[2].exception(10), ZeroDivisionError)

    def test_whoever_leaves_need_not_wait(self) -> None:
        go, started = threading.Event(), threading.Event()

        def task() -> str:
            started.set()
            go.wait(10)
            return "done"

        with Workers(1) as workers:
            first, second = workers.submit(task), workers.submit(task)
            self.assertTrue(started.wait(10))
            self.assertTrue(second.cancel())
        self.assertFalse(first.done())
        go.set()
        self.assertEqual(first.result(10), "done")
