"""What the commands refuse, and what they say of results that are none or all."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.lab.errors import ExperimentError, RecordError
from tests.lab.test_commands import answer, call

SMALL = ("-N", "16", "-L", "2")


class RefusalTests(SynchronousTestCase):
    def test_a_command_has_no_option_that_it_would_ignore(self) -> None:
        for words, option in (
            (("finish", "near-miss", "--limit", "100"), "--delay"),
            (("finish", "late"), "--delay"),
            (("keys",), "--runs"),
            (("profile",), "--scheduler"),
            (("frontier",), "--scheduler"),
        ):
            refused = call(*words, option, "9")
            self.assertEqual(refused.exit_code, 2)
            self.assertIn(f"No such option '{option}'", refused.stderr)

    def test_numbers_that_do_not_fit_are_told(self) -> None:
        for words, told in (
            (("attack", "majority", "-K", "13"), "k is 13, not in 1..12"),
            (("attack", "genetic", "-K", "8"), "k is 8, not in 1..7"),
            (("attack", "probabilistic", "--package", "65"), "package is 65, not in 1..64"),
            (("attack", "particle", "--queries", "1"), "is for random inputs"),
            (("attack", "geometric", "--attackers", "9" * 9), "not in 1..262144"),
            (("sync", "--runs", "9" * 30), "not in 0..1000000000"),
            (("sync", "--queries", "0"), "not above 0"),
            (("cost", "--queries", "nan"), "queries is nan"),
            (("cost", "--queries", "-3"), "queries is -3.0"),
            (("cost", "fast", "-K", "3"), "the profile fast has its own -K"),
            (("entropy", *SMALL, "--runs", "1"), "needs a symbol that comes 35 times"),
            (("reproduce", "--only", "no such"), "no figure of the short form"),
            (("sweep", "--vary", "L=3:1", "--directory", self.mktemp()), "no values"),
        ):
            refused = call(*words).exception
            self.assertIsInstance(refused, DynamiCryptError, str(words))
            self.assertIn(told, str(refused))

    def test_a_file_that_cannot_be_written_is_told_before_the_work(self) -> None:
        for words in (
            ("sync", "--runs", "999999999", "--output", "missing/runs.csv"),
            ("plot", "success", "missing/success.png"),
        ):
            self.assertIsInstance(call(*words).exception, FileNotFoundError)

    def test_a_kind_of_file_that_there_is_not_is_told_before_the_work(self) -> None:
        output = call("sync", "--runs", "999999999", "--output", "runs.txt")
        self.assertIsInstance(output.exception, RecordError)
        self.assertIsInstance(call("plot", "success", "a.xyz").exception, ExperimentError)

    def test_the_file_of_somebody_else_is_left_alone(self) -> None:
        file = Path(self.mktemp()).with_suffix(".csv")
        file.write_text("a diary")
        refused = call("sync", "--runs", "10", "--output", str(file))
        self.assertIsInstance(refused.exception, RecordError)
        self.assertEqual(file.read_text(), "a diary")


class NoneOrAllTests(SynchronousTestCase):
    def test_no_success_has_a_bound(self) -> None:
        options = ("attack", "geometric", *SMALL, "--runs", "1000", "--secret-inputs")
        data = answer(*options)
        self.assertEqual(data["success"], 0)
        low, high = data["success_interval"]
        self.assertEqual(low, 0)
        self.assertAlmostEqual(high, 0.00383, 5)
        self.assertIn("success  0 (≤ 0.0038)", call(*options).stdout)

    def test_runs_that_come_to_the_limit_are_told(self) -> None:
        options = ("attack", "simple", "-N", "16", "-L", "2", "--runs", "100", "--limit", "60")
        missed = answer(*options)["unsynchronised"]
        self.assertTrue(0 < missed < 100)
        self.assertIn(f"unsynchronised  {missed}", call(*options).stdout)

    def test_nothing_but_successes_have_a_bound(self) -> None:
        options = ("attack", "majority", "-K", "1", *SMALL, "--runs", "100")
        self.assertEqual(answer(*options)["success_interval"][1], 1)
        self.assertIn("success  1 (≥ 0.963)", call(*options).stdout)

    def test_keys_that_all_hold_leave_bits(self) -> None:
        options = ("finish", "fused", *SMALL, "--runs", "512", "--secret-inputs")
        rows = answer(*options)["rows"]
        for row in rows:
            self.assertEqual((row["p^m"]["value"], row["p^m"]["interval"][0]), (0, 0))
            self.assertGreater(row["p^m"]["interval"][1], 0)
            self.assertIsNone(row["bits one by one"])
            self.assertGreater(row["bits one by one, at least"], 10)
        text = call(*options).stdout
        self.assertNotIn("± 0 ", text)
        self.assertNotIn("inf", text)
        self.assertIn("0 (≤ 0.0074)", text)

    def test_a_share_of_no_pairs_is_a_dash(self) -> None:
        options = ("finish", "near-miss", *SMALL, "--limit", "1", "--runs", "512")
        self.assertIsNone(answer(*options)["rows"][0]["+32"]["value"])
        text = call(*options).stdout
        self.assertIn(" - ", text)
        self.assertNotIn("nan", text)

    def test_a_sweep_without_an_attack_tells_of_none(self) -> None:
        options = ("sweep", "--vary", "L=1,2", "-N", "16", "--runs", "50")
        directory = self.mktemp()
        (first, _) = answer(*options, "--directory", directory)["points"]
        self.assertNotIn("success_98", first)
        heard = (*options, "--attack", "simple", "--directory", directory)
        self.assertEqual(len(answer(*heard)["points"][0]["success_equal_interval"]), 2)
        self.assertEqual(len(call(*heard).stdout.splitlines()), 3)

    def test_a_cost_without_the_limit_has_no_runs_at_it(self) -> None:
        options = ("cost", *SMALL, "--machines", "4", "--passes", "20")
        self.assertIsNone(json.loads(call(*options, "--json").stdout)["equal_at_limit"])
        self.assertIn("- of the runs that end there", call(*options).stdout)
