"""The commands, as they are called from a shell, but in this process."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from pyarrow import parquet
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.cli.__main__ import dynamicrypt
from dynamicrypt.errors import ParameterError
from dynamicrypt.lab.attacks import NAMES
from dynamicrypt.lab.attacks.seed import first_vector


def call(*arguments: str) -> Result:
    return CliRunner().invoke(dynamicrypt, ["lab", *arguments])


def answer(*arguments: str) -> dict[str, Any]:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert isinstance(data, dict)
    return data


class CommandTests(SynchronousTestCase):
    def test_sync_prints_one_object(self) -> None:
        data = answer("sync", "-N", "20", "-L", "2", "--rule", "hebbian", "--runs", "2000")
        self.assertEqual(data["runs"], 2000)
        self.assertEqual(data["unsynchronised"], 0)
        self.assertGreater(data["steps_mean"], 50)
        self.assertGreater(data["steps_standard_error"], 0)

    def test_a_seed_gives_the_same_result(self) -> None:
        first, second, other = (
            answer("sync", "-N", "20", "-L", "2", "--runs", "600", "--seed", seed)
            for seed in ("4", "4", "5")
        )
        self.assertEqual(first, second)
        self.assertNotEqual(first, other)

    def test_sync_of_pairs_that_never_meet_is_valid_json(self) -> None:
        data = answer("sync", "-L", "9", "--runs", "10", "--limit", "5")
        self.assertEqual(data["unsynchronised"], 10)
        self.assertIsNone(data["steps_mean"])

    def test_every_attack_prints_one_object(self) -> None:
        for name in NAMES:
            data = answer("attack", name, "-N", "16", "-L", "1", "--runs", "40")
            self.assertEqual(data["runs"], 40)
            self.assertTrue(0 <= data["success"] <= 1)
            self.assertGreater(data["success_standard_error"], 0)

    def test_criterion_and_attackers(self) -> None:
        options = ("-N", "16", "-L", "2", "--runs", "400")
        few = answer("attack", "geometric", *options, "--criterion", "equal")
        many = answer("attack", "geometric", *options, "--attackers", "40")
        self.assertLess(few["success"], many["success"])

    def test_queries_packages_and_secret_inputs(self) -> None:
        options = ("attack", "geometric", "-N", "16", "-L", "2", "--runs", "100")
        for more in (("--queries", "0.8"), ("--package", "8"), ("--delay", "9")):
            self.assertEqual(answer(*options, *more)["runs"], 100)
        self.assertEqual(answer(*options, "--secret-inputs")["success"], 0)

    def test_an_interrupted_command_goes_on_from_its_file(self) -> None:
        file = Path(self.mktemp()).with_suffix(".parquet")
        options = ("sync", "-N", "16", "-L", "1", "--runs", "2000", "--output", str(file))
        first = answer(*options)
        again = call(*options, "--json")
        self.assertIn("2000 of 2000 runs", again.stderr)
        self.assertEqual(json.loads(again.stdout), first)
        description = json.loads(file.with_name(file.name + ".json").read_text())
        self.assertEqual(description["experiment"]["N"], 16)
        self.assertIn("version", description["origin"])

    def test_sweep_prints_every_point(self) -> None:
        directory = self.mktemp()
        options = ("sweep", "--vary", "L=1:2", "--vary", "package=1,4", "-N", "16", "--runs", "50")
        data = answer(*options, "--directory", directory)
        self.assertEqual([p["L"] for p in data["points"]], [1, 1, 2, 2])
        self.assertEqual(len(list(Path(directory).iterdir())), 4)

    def test_sweep_writes_a_table(self) -> None:
        directory = self.mktemp()
        options = ("sweep", "--vary", "L=1:2", "-N", "16", "--runs", "50", "--directory", directory)
        csv_file, parquet_file = (Path(self.mktemp()).with_suffix(e) for e in (".csv", ".parquet"))
        points = answer(*options, "--output", str(csv_file))["points"]
        with csv_file.open(newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([int(row["L"]) for row in rows], [1, 2])
        self.assertEqual(float(rows[0]["steps_mean"]), points[0]["steps_mean"])
        answer(*options, "--output", str(parquet_file))
        self.assertEqual(parquet.read_table(parquet_file)["L"].to_pylist(), [1, 2])

    def test_profile_finds_the_cheapest_attack(self) -> None:
        data = answer("profile", "-N", "16", "-L", "2", "--runs", "60", "--fusion", "4")
        self.assertEqual(data["fusion"], 4)
        names = {attack["attack"] for attack in data["attacks"]}
        self.assertEqual(names, set(NAMES))
        bits = [a["strength_bits"] for a in data["attacks"] if a["strength_bits"] is not None]
        self.assertEqual(data["strength_bits"], min(bits))
        self.assertLess(data["strength_bits"], 20)

    def test_profile_without_a_success_says_what_that_leaves(self) -> None:
        options = ("profile", "-K", "6", "-N", "100", "-L", "3", "--limit", "500", "--runs", "300")
        data = answer(*options)
        self.assertIsNone(data["strength_bits"])
        self.assertGreater(data["attacks"][0]["least_bits"], 4)
        self.assertIn("not found, for no attack succeeded", call(*options).output)

    def test_profile_needs_pairs_that_synchronise(self) -> None:
        refused = call(
            "profile", "-K", "6", "-N", "100", "-L", "3", "--limit", "40", "--runs", "50"
        )
        self.assertIsInstance(refused.exception, ParameterError)
        self.assertIn("ask for more --runs", str(refused.exception))

    def test_a_profile_takes_no_other_numbers(self) -> None:
        for options in (("cost", "fast", "-K", "4"), ("profile", "fast", "--fusion", "2")):
            refused = call(*options).exception
            self.assertIsInstance(refused, ParameterError)
            self.assertIn("the profile fast has its own", str(refused))

    def test_frontier_gets_dearer(self) -> None:
        data = answer("frontier", "-N", "20", "-L", "2", "--runs", "3000", "--seed", "1")
        steps = [limit["steps"] for limit in data["limits"]]
        self.assertEqual(steps, sorted(steps))
        self.assertGreater(len(steps), 3)
        self.assertIsInstance(call("frontier", "-L", "9", "--limit", "5").exception, ParameterError)

    def test_reproduce_holds_figures_side_by_side(self) -> None:
        data = answer("reproduce", "--only", "steps: 3,100,3")
        self.assertEqual(data["disagreements"], 0)
        self.assertEqual(len(data["figures"]), 3)
        self.assertEqual({f["figure"][:14] for f in data["figures"]}, {"steps: 3,100,3"})

    def test_bench_names_the_instruction_set(self) -> None:
        data = answer("bench", "-N", "16", "-L", "1")
        self.assertGreater(data["syncs_per_second"], 1000)
        self.assertIn("instruction_set", data)

    def test_keys_are_raw_bytes(self) -> None:
        first, second = (call("keys", "--bytes", "1000", "-N", "16", "-L", "1") for _ in range(2))
        self.assertEqual(len(first.stdout_bytes), 1000)
        self.assertEqual(first.stdout_bytes, second.stdout_bytes)

    def test_keys_that_do_not_fit_are_an_error(self) -> None:
        for unbuffered in ("", "1"):
            script = f"ulimit -f 1; {sys.executable} -m dynamicrypt.cli lab keys --bytes 3000"
            with open(self.mktemp(), "wb") as file:
                done = subprocess.run(
                    ["bash", "-c", script],
                    stdout=file,
                    stderr=subprocess.PIPE,
                    env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
                    check=False,
                )
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"dynamicrypt: error: input or output: File too large", done.stderr)

    def test_keys_of_weights_and_folds_are_what_they_say(self) -> None:
        plain = call("keys", "--form", "weights", "--bytes", "1000", "-N", "16", "-L", "2")
        self.assertLessEqual(max(plain.stdout_bytes), 4)
        options = ("-K", "6", "-N", "12", "-L", "4", "--rule", "hebbian", "--bytes", "640")
        fold = call("keys", "--form", "fold", *options)
        self.assertEqual(len(fold.stdout_bytes), 640)
        # Two digits are added up, of which each is at least 0x30.
        self.assertGreaterEqual(min(fold.stdout_bytes), 0x60)
        self.assertIsInstance(call("keys", "--form", "fold").exception, ParameterError)

    def test_entropy_of_a_weight_is_estimated(self) -> None:
        data = answer("entropy", "-N", "16", "-L", "2", "--rule", "hebbian", "--runs", "500")
        self.assertLess(data["most_common_value"], data["shannon"])
        self.assertLess(data["shannon"], data["at_most"])
        self.assertEqual(data["weights"], 500 * 48)

    def test_cost_counts_what_a_key_takes(self) -> None:
        options = ("-N", "16", "-L", "2", "--package", "8", "--machines", "20", "--passes", "200")
        data = answer("cost", *options, "--fusion", "2", "--step-limit", "300")
        self.assertGreaterEqual(data["keys"], 100)
        self.assertGreater(data["bytes"], 0)
        self.assertTrue(0 < data["passing"] <= 1)
        self.assertGreater(answer("cost", "fast", "--passes", "200")["rounds"], 0)

    def test_finish_measures_how_runs_end(self) -> None:
        options = ("-N", "16", "-L", "2", "--runs", "600")
        for study, rows in (("fused", 4), ("order", 10), ("late", 4), ("near-miss", 5)):
            limit = ("--limit", "100") if study == "near-miss" else ()
            self.assertEqual(len(answer("finish", study, *options, *limit)["rows"]), rows)
        self.assertIsInstance(call("finish", "near-miss").exception, ParameterError)

    def test_a_picture_is_drawn(self) -> None:
        picture = Path(self.mktemp()).with_suffix(".png")
        self.assertEqual(call("plot", "overlap", str(picture)).exit_code, 0)
        self.assertEqual(picture.read_bytes()[:4], b"\x89PNG")

    def test_refuses_what_it_cannot_do(self) -> None:
        for wrong in (
            ("sync", "-K", "0"),
            ("attack", "probabilistic", "--attackers", "5"),
            ("seed", "--", "1-1x"),
            ("sweep", "--vary", "Q=1", "--directory", "nowhere"),
        ):
            result = call(*wrong)
            self.assertIsInstance(result.exception, ParameterError, str(wrong))

    def test_pairs_that_never_meet_have_no_keys_to_look_at(self) -> None:
        options = ("-N", "16", "-L", "2", "--limit", "5")
        runs = (*options, "--runs", "50")
        for wrong in (
            ("keys", *options),
            ("entropy", *runs),
            ("finish", "fused", *runs),
            ("finish", "order", *runs),
            ("finish", "late", *runs),
            ("finish", "order", "-N", "16", "-L", "2", "--runs", "50", "--bank", "60"),
            ("cost", "-L", "20", "--step-limit", "33", "--machines", "1", "--passes", "1"),
        ):
            result = call(*wrong)
            self.assertIsInstance(result.exception, ParameterError, str(wrong))

    def test_secret_inputs_keep_near_misses_from_an_attacker(self) -> None:
        options = ("finish", "near-miss", "-N", "16", "-L", "2", "--limit", "40", "--runs", "512")
        heard = answer(*options)["rows"]
        secret = answer(*options, "--secret-inputs")["rows"]
        shares = [[row["rest but 3"]["value"] or 0.0 for row in rows] for rows in (heard, secret)]
        self.assertGreater(max(shares[0]), max(shares[1]))

    def test_seed_reads_a_vector_of_the_wire(self) -> None:
        searched: list[list[int]] = []

        def search(vector: list[int], **options: object) -> list[int]:
            searched.append(vector)
            return [7]

        self.patch(__import__("dynamicrypt.cli.lab_runs", fromlist=["x"]), "find_seeds", search)
        vector = first_vector(7)
        result = call("seed", "--json", "--", "".join(map(str, vector)))
        self.assertEqual(json.loads(result.stdout), {"seeds": [7]})
        self.assertEqual(searched, [vector])
