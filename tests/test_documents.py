"""The documents hold together."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import dynamicrypt

ROOT = Path(dynamicrypt.__file__).parents[1]


class DocumentTests(SynchronousTestCase):
    def test_files_that_are_linked_exist(self) -> None:
        for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
            for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
                self.assertTrue(
                    Path(document.parent, target).exists(), f"{document.name}: {target}"
                )
