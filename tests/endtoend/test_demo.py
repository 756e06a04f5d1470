"""The demo as a person starts it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import dynamicrypt

ROOT = Path(dynamicrypt.__file__).parents[1]
COLOUR = "\x1b["


class DemoTests(SynchronousTestCase):
    def run_demo(self, directory: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "dynamicrypt.demo"],
            env=os.environ | {"TMPDIR": str(directory)} | environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )

    def directory(self) -> Path:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(parents=True)
        return directory

    def test_shows_keys_messages_and_readings_and_cleans_up(self) -> None:
        directory = self.directory()
        demo = self.run_demo(directory)
        self.assertEqual((demo.returncode, demo.stderr), (0, ""))
        shown = demo.stdout
        self.assertRegex(shown, r"key exchange +X25519MLKEM768")
        self.assertRegex(shown, r"first key +after [\d.]+ ms")
        births = re.findall(r"key 1\.\d+ +\d+ iterations +[\d.]+ ms", shown)
        self.assertGreaterEqual(len(births), 6)
        written = re.findall(r"^  (?:old-)?(?:alice|bob) writes: (.+)$", shown, re.MULTILINE)
        read = re.findall(r"^    (?:old-)?(?:alice|bob) +reads: (.+)$", shown, re.MULTILINE)
        self.assertEqual(len(written), 8)
        self.assertEqual(read, written)
        keys = re.findall(r"^    under +key (\S+?),?(?: after .*)?$", shown, re.MULTILINE)
        self.assertEqual(len(set(keys)), 8)
        self.assertEqual(
            [int(key[-1]) % 2 for key in keys[4:]], [0, 1] * 2, "the caller's are even"
        )
        self.assertEqual(shown.count("failed_decrypt"), 2)
        self.assertNotIn(COLOUR, shown)
        self.assertEqual(list(directory.iterdir()), [])

    def test_sources_that_were_not_built_are_told_in_two_lines(self) -> None:
        place = self.directory()
        for package in ("dynamicrypt", "benchmarks"):
            shutil.copytree(
                ROOT / package,
                place / package,
                ignore=shutil.ignore_patterns("*.so", "__pycache__"),
            )
        for module in ("dynamicrypt.demo", "benchmarks.core"):
            run = subprocess.run(
                [sys.executable, "-m", module],
                cwd=place,
                capture_output=True,
                check=False,
                text=True,
                timeout=120,
            )
            self.assertEqual(run.returncode, 1)
            self.assertRegex(
                run.stderr,
                r"\Adynamicrypt: error: the sources in .* were not built here\n"
                r"dynamicrypt: hint: run `make setup` there .*\n\Z",
            )

    def test_fails_with_a_reason(self) -> None:
        demo = self.run_demo(self.directory(), DYNAMICRYPT_API_AUTH="maybe")
        self.assertEqual(demo.returncode, 1)
        self.assertIn("dynamicrypt: error: ", demo.stderr)
        self.assertIn("maybe", demo.stderr)
        self.assertNotIn("Traceback", demo.stderr)
