"""The demo as a person starts it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

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
        self.assertGreaterEqual(
            len(re.findall(r"key \d+ +\d+ iterations +[\d.]+ ms", demo.stdout)), 6
        )
        written = re.findall(r"^  (?:alice|bob) writes: (.+)$", demo.stdout, re.MULTILINE)
        read = re.findall(r"^    (?:alice|bob) +reads: (.+)$", demo.stdout, re.MULTILINE)
        self.assertEqual(len(written), 8)
        self.assertEqual(read, written)
        keys = re.findall(r"^    under +key (\d+)", demo.stdout, re.MULTILINE)
        self.assertEqual(len(keys), 8)
        self.assertEqual([int(key) % 2 for key in keys], [0, 1] * 4, "alice dialled: even keys")
        self.assertEqual(len(set(keys[4:])), 4)
        self.assertIn("failed_decrypt", demo.stdout)
        self.assertNotIn(COLOUR, demo.stdout)
        self.assertEqual(list(directory.iterdir()), [])

    def test_fails_with_a_reason(self) -> None:
        demo = self.run_demo(self.directory(), DYNAMICRYPT_API_AUTH="maybe")
        self.assertEqual(demo.returncode, 1)
        self.assertIn("dynamicrypt: error: ", demo.stderr)
        self.assertIn("maybe", demo.stderr)
        self.assertNotIn("Traceback", demo.stderr)
