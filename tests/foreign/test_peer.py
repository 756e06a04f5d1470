"""The foreign peer is right: it repeats the captured synchronisation and agrees with itself."""

import ast
import json
import socket
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.foreign import cipher
from tests.foreign.machine import Machine, read_vector
from tests.foreign.peer import Conversation, Listener, Side, dial

VECTOR = Path(__file__).parents[1] / "vectors" / "thesis-sync.json"


class Recorded:
    """A source that plays back what one side of the capture drew."""

    def __init__(self, weights: list[int], lines: list[list[bytes]]) -> None:
        self.starts = iter([weights, [0] * 72])
        self.vectors = iter([read_vector(fields[4]) for fields in lines if fields[0] == b"1"])
        self.salts = iter([fields[10] for fields in lines if len(fields) > 10])

    def weights(self) -> list[int]:
        return next(self.starts)

    def vector(self) -> list[int]:
        return next(self.vectors)

    def salt(self) -> bytes:
        return next(self.salts)


class CaptureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.capture: dict[str, Any] = json.loads(VECTOR.read_text())
        self.lines = [(who, text.encode("latin-1")) for who, text in self.capture["lines"]]

    def recorded(self, who: str, own_id: int, partner_id: int) -> Side:
        own = [line.split(b"\t") for speaker, line in self.lines if speaker == who]
        side = Side(own_id, Recorded(self.capture[f"{who}_initial_weights"], own))
        side.partner_id = partner_id
        return side

    def test_repeats_every_line_of_the_captured_synchronisation(self) -> None:
        sides = {
            "dialler": self.recorded("dialler", 3411, 493),
            "listener": self.recorded("listener", 493, 3411),
        }
        sides["dialler"].iteration = 1
        said = sides["dialler"]._step_one()
        for number, (who, line) in enumerate(self.lines):
            self.assertEqual(said, line, f"line {number} of the {who}")
            if number + 1 < len(self.lines):
                said = sides["listener" if who == "dialler" else "dialler"].answer(line)
        self.assertEqual(sides["dialler"].keys, [self.capture["key"]])
        self.assertEqual(sides["listener"].machine.key(), self.capture["key"])

    def test_folds_and_encrypts_as_the_captured_program(self) -> None:
        folded = "669b98979a9f936e6769676e64686867696b617067706e626d6869687068686b"
        self.assertEqual(cipher.fold(self.capture["key"]).hex(), folded)
        sealed = cipher.encrypt(self.capture["key"], "hello mode 1")
        self.assertEqual(sealed, "uFSN1pwDQ7sFi7mBUXUhfQ==\n")
        self.assertEqual(cipher.decrypt(self.capture["key"], sealed), "hello mode 1")


class TwoForeignPeersTests(SynchronousTestCase):
    def test_five_keys_are_equal_on_both_sides(self) -> None:
        near, far = socket.socketpair()
        caller, callee = Side(7), Side(9)
        talks = [
            Conversation(caller, near, caller.hello("a", "b"), enough=5),
            Conversation(callee, far, enough=6),
        ]
        for talk in talks:
            talk.start()
        for talk in talks:
            self.addCleanup(talk.stop)
        self.assertEqual(talks[0].wait_for_keys(5), talks[1].wait_for_keys(5))
        self.assertEqual((callee.partner_name, callee.asked_for), ("a", "b"))
        self.assertEqual(sorted(caller.detected + callee.detected), list(range(5)))

    def test_meet_over_tcp(self) -> None:
        listener = Listener()
        self.addCleanup(listener.close)
        caller = dial(listener.port, "a", "b")
        callee = listener.next()
        for talk in (caller, callee):
            self.addCleanup(talk.stop)
        self.assertEqual(caller.wait_for_keys(1)[0], callee.wait_for_keys(1)[0])

    def test_starts_over_at_the_maximum_number_of_iterations(self) -> None:
        side = Side(7)
        side.partner_id = 9
        side.iteration = 18_432
        before = side.machine
        self.assertEqual(side.answer(b"1\t9\t9\t1\t" + b"1" * 72 + b"\t1\t1"), b"4\t7\t0\t0\t0")
        self.assertIsNot(side.machine, before)
        self.assertEqual((side.iteration, side.keys), (0, []))


class IndependenceTests(SynchronousTestCase):
    def test_nothing_is_imported_from_the_package(self) -> None:
        for path in Path(__file__).parent.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = (
                    [getattr(node, "module", None) or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
                names += (
                    [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                )
                for name in names:
                    self.assertNotEqual(name.partition(".")[0], "dynamicrypt", path.name)

    def test_zero_local_field_counts_as_minus_one(self) -> None:
        self.assertEqual(Machine([0] * 72).signs([1] * 72), [-1] * 6)
