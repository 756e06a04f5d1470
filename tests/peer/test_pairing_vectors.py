"""Vectors of fingerprints and pairings, held against the program and a second implementation."""

import json
import re
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer import errors, fingerprint
from dynamicrypt.peer.pairing import TRANSITIONS, Announcement, Ends, Paired, Pairing, Role
from dynamicrypt.peer.pairing_code import OneTimeCode, read_code, show_code
from dynamicrypt.peer.pairing_messages import Confirm, Done, Message, Refuse, Share, encode
from tests.peer import spake

DOCUMENT = Path(__file__).parents[2] / "docs" / "pairing.md"
VECTORS = Path(__file__).parents[1] / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


class FingerprintVectorTests(SynchronousTestCase):
    def test_good_ones_are_shown_and_read(self) -> None:
        for vector in load("fingerprints.json")["good"]:
            value = bytes.fromhex(vector["hex"])
            self.assertEqual(fingerprint.show(value), vector["shown"])
            for typed in vector["typed"]:
                self.assertEqual(fingerprint.read(typed), value)

    def test_bad_ones_fail_as_they_should(self) -> None:
        for vector in load("fingerprints.json")["bad"]:
            with self.assertRaises(errors.MistypedError) as caught:
                fingerprint.read(vector["typed"])
            self.assertIn(vector["fails"], str(caught.exception))


class PairingVectorTests(SynchronousTestCase):
    def test_codes_are_read_or_fail_as_they_should(self) -> None:
        for vector in load("pairing.json")["codes"]:
            if vector["fails"] is None:
                self.assertEqual(show_code(read_code(vector["typed"])), vector["shown"])
                continue
            with self.assertRaises(errors.MistypedError) as caught:
                read_code(vector["typed"])
            self.assertIn(vector["fails"], str(caught.exception))

    def test_the_program_says_these_lines(self) -> None:
        for vector in load("pairing.json")["runs"]:
            self.assertEqual(lines_of(vector), vector["lines"])

    def test_a_second_implementation_says_these_lines(self) -> None:
        for vector in load("pairing.json")["runs"]:
            dialler, listener, exporter, *entropy = (
                bytes.fromhex(vector[name])
                for name in (
                    "dialler",
                    "listener",
                    "exporter",
                    "dialler_entropy",
                    "listener_entropy",
                )
            )
            share_x, share_y, key = spake.exchange(
                vector["code"].encode(), dialler, listener, (entropy[0], entropy[1])
            )
            self.assertEqual(key.hex(), vector["key"])
            lines = [f"share\t{(b'A' + share_x).hex()}", f"share\t{(b'B' + share_y).hex()}"]
            run = (b"dynamicrypt-pair/1", exporter, b"A" + share_x, b"B" + share_y)
            for role in ("dialler", "listener"):
                name, port = vector[f"{role}_name"], str(vector[f"{role}_port"])
                made = spake.proof(key, *run, role.encode(), name.encode(), port.encode())
                lines.append(f"confirm\t{made.hex()}\t{name}\t{port}")
            self.assertEqual([*lines, "done"], vector["lines"])

    def test_the_constants_are_those_of_the_document(self) -> None:
        for seed in (b"M", b"N"):
            self.assertIn(spake.encode(spake.element(seed)).hex(), DOCUMENT.read_text())

    def test_the_table_is_that_of_the_document(self) -> None:
        row = re.compile(r"^\| ([A-Z]+) \| ([a-z]+) \| ([A-Z]+) \|$", re.MULTILINE)
        rows = row.findall(DOCUMENT.read_text())
        table = [
            (state.name, kind.__name__.lower(), target.name)
            for (state, kind), target in TRANSITIONS.items()
        ]
        self.assertEqual(rows, table)


def lines_of(vector: dict[str, Any]) -> list[str]:
    """The lines of a run between two sessions of the program."""
    ends = [bytes.fromhex(vector[role]) for role in ("dialler", "listener")]
    exporter = bytes.fromhex(vector["exporter"])

    def side(role: Role, own: bytes, other: bytes) -> Pairing:
        name = role.value.decode()
        drawn = bytes.fromhex(vector[f"{name}_entropy"])
        said = Announcement(name=vector[f"{name}_name"], port=vector[f"{name}_port"])
        seen = Ends(own=own, other=other, exporter=exporter)
        return Pairing(role, OneTimeCode(vector["code"]), seen, said, lambda _count: drawn)

    dialler, listener = side(Role.DIALLER, *ends), side(Role.LISTENER, *reversed(ends))
    message: Message | None = dialler.start()
    lines: list[str] = []
    turn, other = listener, dialler
    while message is not None:
        lines.append(encode(message).decode())
        answers = turn.receive(message)
        said = [item for item in answers if isinstance(item, Share | Confirm | Done | Refuse)]
        message = said[0] if said else None
        if message is None:
            assert isinstance(answers[-1], Paired)
        turn, other = other, turn
    return lines
