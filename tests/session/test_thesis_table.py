"""docs/wire-1.md and the transition table of wire 1 say the same."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.session.thesis_states import TRANSITIONS

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "wire-1.md"
#: The document's words for the moves of the table.
WORDS = {
    "agreeing reply": "AGREEING",
    "disagreeing reply": "DISAGREEING",
}


def documented() -> set[tuple[str, str, str]]:
    """(state, move, next state) of every entry in the document's table."""
    table = DOCUMENT.read_text().partition("## States")[2].partition("\n## ")[0]
    found = set()
    for row in re.findall(r"^\| (?!state)(\w[\w ]*) \|(.*)\|(.*)\|$", table, re.MULTILINE):
        state, *cells = row
        for direction, cell in zip(("RECEIVE", "SEND"), cells, strict=True):
            for entry in filter(str.strip, cell.split(";")):
                what, after = entry.split("→")
                word = WORDS.get(what.strip(), what.strip().upper())
                found.add((name(state), f"{direction}_{word}", name(after)))
    return found


def name(words: str) -> str:
    return words.strip().upper().replace(" ", "_")


class TableTests(SynchronousTestCase):
    def test_document_and_code_agree(self) -> None:
        coded = {
            (state.name, move.name, after.name) for (state, move), after in TRANSITIONS.items()
        }
        self.assertEqual(documented(), coded)
