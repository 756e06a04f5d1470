"""docs/protocol.md and the transition tables of wire 2 say the same."""

import re
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.session import channel_states, link_epochs, link_states
from dynamicrypt.wire import link as wire

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


def documented(module: str) -> set[tuple[str, str, str]]:
    """(state, move, next state) of every arrow in the diagram of a module."""
    diagram = DOCUMENT.partition(f"<!-- states of {module} -->")[2].partition("```\n")[0]
    return {
        (before, move.strip(), after)
        for before, after, moves in re.findall(r"(\w+) --> (\w+): (.*)", diagram)
        for move in moves.split(",")
    }


def coded(entries: Iterable[tuple[tuple[Enum, Enum], Enum]]) -> set[tuple[str, str, str]]:
    def word(member: Enum) -> str:
        return member.name.lower().replace("_", " ")

    return {(word(state), word(move), word(after)) for (state, move), after in entries}


class TableTests(SynchronousTestCase):
    def test_diagrams_are_those_of_the_code(self) -> None:
        for module, table in (
            (link_states, coded(link_states.TRANSITIONS.items())),
            (link_epochs, coded(link_epochs.TRANSITIONS.items())),
            (channel_states, coded(channel_states.TRANSITIONS.items())),
        ):
            self.assertEqual(documented(module.__name__), table)

    def test_the_grammar_has_every_message(self) -> None:
        grammar = DOCUMENT.partition("\nline       =")[2].partition("```")[0]
        rules = set(re.findall(r'^(\w+) += "\1"', grammar, re.MULTILINE))
        self.assertEqual(rules, {word.decode() for word in wire._FORMS})
