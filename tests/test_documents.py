"""The documents hold together."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import dynamicrypt
from dynamicrypt.keys.limits import StoreLimits

ROOT = Path(dynamicrypt.__file__).parents[1]


class DocumentTests(SynchronousTestCase):
    def test_files_that_are_linked_exist(self) -> None:
        for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
            for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
                self.assertTrue(
                    Path(document.parent, target).exists(), f"{document.name}: {target}"
                )

    def test_how_long_a_message_opens_is_what_the_limits_make_it(self) -> None:
        limits = StoreLimits()
        least, most = (limits.held_time - limits.lifetime) / 60, limits.held_time / 60
        for document in ("README.md", "docs/cli.md", "dynamicrypt/cli/encrypt.py"):
            text = " ".join((ROOT / document).read_text().split())
            self.assertIn(f"for {least} ", text, document)
            self.assertRegex(text, rf"(to|for) {most} ", document)
        further = f"{limits.late // 2:,} further keys".replace(",", " ")
        self.assertIn(further, (ROOT / "docs/cli.md").read_text())
