"""What the benchmarks report, and how latencies are counted."""

import io

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.load import unstalled
from benchmarks.report import Report, show


class ReportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.report = Report("wire9")
        self.report.add("wire9.fast", 12_345.6, "1/s", at_least=2500)
        self.report.add("wire9.slow", 0.75, "s", at_most=0.5)
        self.report.add("wire9.plain", 3, "")

    def test_numbers_are_one_flat_object(self) -> None:
        numbers = {"wire9.fast": 12_345.6, "wire9.slow": 0.75, "wire9.plain": 3}
        self.assertEqual(self.report.numbers(), numbers)

    def test_the_table_says_which_goals_were_missed(self) -> None:
        table = io.StringIO()
        self.report.print(table)
        title, *rows = table.getvalue().splitlines()
        self.assertTrue(title.startswith("wire9, Python "))
        self.assertEqual(
            [row.split() for row in rows],
            [
                ["wire9.fast", "12", "346", "1/s", ">=", "2", "500"],
                ["wire9.slow", "0.75", "s", "<=", "0.5", "missed"],
                ["wire9.plain", "3"],
            ],
        )

    def test_a_name_is_measured_once(self) -> None:
        with self.assertRaises(ValueError):
            self.report.add("wire9.fast", 1, "")

    def test_numbers_are_shown_with_four_digits(self) -> None:
        shown = [show(value) for value in (0, 0.012345, 9.87654, 999.96, 1000, 1_234_567)]
        self.assertEqual(shown, ["0", "0.01235", "9.877", "1000", "1 000", "1 234 567"])


class LatencyTests(SynchronousTestCase):
    def test_a_stall_counts_as_often_as_requests_would_have_met_it(self) -> None:
        self.assertEqual(unstalled([1.0, 5.0, 1.0], 1.0), [1.0, 1.0, 2.0, 3.0, 4.0, 5.0])

    def test_up_to_twice_the_usual_is_no_stall(self) -> None:
        self.assertEqual(unstalled([2.0, 1.0, 1.5], 1.0), [1.0, 1.5, 2.0])
