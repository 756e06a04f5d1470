from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError
from dynamicrypt.params import THESIS, MachineParameters, Rule
from dynamicrypt.tpm import reference
from dynamicrypt.tpm.machine import new_machine
from dynamicrypt.tpm.thesis import DICTIONARY, dictionary_key, digit_key, max_iterations
from tests.tpm.streams import Stream, signed_bytes

VECTOR = Path(__file__).parent.parent / "vectors" / "thesis-sync.json"


def read_vector(text: str) -> list[int]:
    """Inputs in the notation of wire 1."""
    return [-1 if token == "-1" else 1 for token in text.replace("1", "1 ").split()]


class Side(Protocol):
    """A machine of either kind."""

    def evaluate(self, inputs: list[int]) -> int: ...
    def learn(self, inputs: list[int], output: int) -> None: ...
    def key(self) -> bytes: ...


class PlainSide:
    def __init__(self, weights: Sequence[int]) -> None:
        self.machine = reference.Machine(THESIS, weights)
        self.evaluate = self.machine.evaluate
        self.learn = self.machine.learn

    def key(self) -> bytes:
        return digit_key(self.machine.canonical(), THESIS.L)


class CoreSide:
    def __init__(self, weights: Sequence[int]) -> None:
        self.machine = new_machine(THESIS, fill=Stream(0))
        self.machine.set_weights(signed_bytes(list(weights)))

    def evaluate(self, inputs: list[int]) -> int:
        return self.machine.evaluate(signed_bytes(inputs))

    def learn(self, inputs: list[int], output: int) -> None:
        self.machine.learn(signed_bytes(inputs), output)

    def key(self) -> bytes:
        return self.machine.key_string()


class CaptureTests(SynchronousTestCase):
    """A synchronisation of two 2019 programs, replayed from its first weights to its key."""

    def replay(self, kind: type[PlainSide] | type[CoreSide]) -> None:
        capture = json.loads(VECTOR.read_text())
        sides: dict[str, Side] = {
            name: kind(capture[f"{name}_initial_weights"]) for name in ("dialler", "listener")
        }
        partner = {"dialler": "listener", "listener": "dialler"}
        flag = ""
        asked: list[int] = []
        for sender, line in capture["lines"]:
            fields = line.split("\t")
            here, there = sides[sender], sides[partner[sender]]
            if fields[0] == "4":
                self.assertEqual(fields[4], "1")
                continue
            if fields[6] == "2":
                self.assertEqual(fields[7], flag)
                self.assertEqual(read_vector(fields[8]), asked)
                if flag == "1":
                    there.learn(asked, there.evaluate(asked))
            asked, output = read_vector(fields[4]), int(fields[5])
            self.assertEqual(here.evaluate(asked), output)
            if sides["dialler"].key() == sides["listener"].key():
                continue
            flag = "1" if there.evaluate(asked) == output else "0"
            if flag == "1":
                there.learn(asked, output)
        for side in sides.values():
            self.assertEqual(side.key(), capture["key"].encode())

    def test_the_definition_replays_it(self) -> None:
        self.replay(PlainSide)

    def test_the_core_replays_it(self) -> None:
        self.replay(CoreSide)


class KeyTextTests(SynchronousTestCase):
    def machine(self, K: int, N: int, L: int) -> MachineParameters:
        return MachineParameters(K=K, N=N, L=L, rule=Rule.HEBBIAN)

    def test_key_lengths_are_those_of_the_thesis(self) -> None:
        for K, N, L, length in ((11, 12, 6, 66), (8, 10, 4, 20), (8, 10, 6, 40)):
            self.assertEqual(len(dictionary_key(bytes(K * N), L)), length)

    def test_iteration_limits_are_those_of_the_thesis(self) -> None:
        for K, N, L, limit in ((11, 12, 6, 171_072), (8, 10, 4, 20_480), (6, 12, 4, 18_432)):
            self.assertEqual(max_iterations(self.machine(K, N, L)), limit)

    def test_a_group_of_weights_makes_a_character(self) -> None:
        self.assertEqual(dictionary_key(signed_bytes([-4] * 4), 4), DICTIONARY[1:2])
        self.assertEqual(dictionary_key(signed_bytes([4] * 4), 4), DICTIONARY[33:34])
        self.assertEqual(dictionary_key(signed_bytes([-4, 4, 0, 1, 0, 0, 0, 0]), 4), b"hg")

    def test_weights_that_fill_no_group_are_left_out(self) -> None:
        self.assertEqual(dictionary_key(bytes(7), 4), b"g")

    def test_every_character_is_in_the_dictionary(self) -> None:
        for L in (*range(1, 9), *range(10, 18)):
            for weight in (-L, L):
                self.assertIn(dictionary_key(signed_bytes([weight] * 12), L)[0], DICTIONARY)

    def test_refuses_weights_that_leave_the_dictionary(self) -> None:
        for L in (9, 18, 19, 127):
            self.assertRaises(ParameterError, dictionary_key, bytes(12), L)

    def test_digits_end_at_four(self) -> None:
        self.assertEqual(digit_key(signed_bytes([-4, 0, 4]), 4), b"048")
        self.assertEqual(digit_key(signed_bytes([-1, 0, 1]), 1), b"012")
        self.assertRaises(ParameterError, digit_key, bytes(3), 5)
