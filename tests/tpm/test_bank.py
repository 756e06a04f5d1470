from __future__ import annotations

import os
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt import _core
from dynamicrypt.params import THESIS, MachineParameters, Rule
from dynamicrypt.tpm import reference_bank
from dynamicrypt.tpm.machine import RULE_NUMBERS, new_bank
from tests.tpm.streams import BreakableStream, Stream, signed_bytes

SETS = _core.instruction_sets()


def machine(K: int, N: int, L: int, rule: Rule = Rule.RANDOM_WALK) -> MachineParameters:
    return MachineParameters(K=K, N=N, L=L, rule=rule)


def bank_of(
    name: str, parameters: MachineParameters, machines: int, package: int, seed: int
) -> _core.Bank:
    """A bank that runs on the instruction set of that name."""
    before = os.environ.get("DYNAMICRYPT_CORE")
    os.environ["DYNAMICRYPT_CORE"] = name
    try:
        return new_bank(parameters, machines=machines, package=package, fill=Stream(seed))
    finally:
        if before is None:
            del os.environ["DYNAMICRYPT_CORE"]
        else:
            os.environ["DYNAMICRYPT_CORE"] = before


class Rounds:
    """The reference and the core on every instruction set, fed the same."""

    def __init__(
        self,
        case: SynchronousTestCase,
        parameters: MachineParameters,
        machines: int,
        package: int,
        seed: int,
    ) -> None:
        self.case = case
        self.machines = machines
        self.random = Random(seed)
        self.plain = reference_bank.Bank(parameters, machines, package, Stream(seed))
        self.banks = [bank_of(name, parameters, machines, package, seed) for name in SETS]

    def check_state(self) -> None:
        """Everything that shows is equal."""
        plain = self.plain
        size = plain.round_input_bytes
        for bank in self.banks:
            shown = bank.active, bank.round_input_bytes, bank.round_output_bytes
            self.case.assertEqual(
                shown, (plain.active, plain.round_input_bytes, plain.round_output_bytes)
            )
            blocks = bytearray(size + 3)
            self.case.assertEqual(bank.counter_blocks(blocks), size)
            self.case.assertEqual(bytes(blocks), plain.counter_blocks() + bytes(3))
            for number in range(self.machines):
                for name in ("weights", "run", "steps", "is_active"):
                    value = getattr(bank, name)(number)
                    value = bytes(value) if name == "weights" else value
                    self.case.assertEqual(value, getattr(plain, name)(number), name)

    def evaluate(self) -> bytes:
        """One package of random inputs, padding bits included."""
        inputs = self.random.randbytes(self.plain.round_input_bytes)
        outputs = self.plain.evaluate(inputs)
        for bank in self.banks:
            self.case.assertEqual(bank.evaluate(inputs), outputs, bank.instruction_set)
        return outputs

    def partner(self, outputs: bytes) -> bytes:
        """Outputs that agree in most steps, as those of a partner would."""
        bits = self.plain.active * self.plain.package
        number = int.from_bytes(outputs, "little")
        for bit in range(bits):
            if self.random.random() < 1 / 16:
                number ^= 1 << bit
        return number.to_bytes(len(outputs), "little")

    def learn(self, outputs: bytes, agreements: int, limit: int) -> list[int]:
        """The partner's outputs; returns the machines that agreed."""
        result = self.plain.learn(outputs, agreements, limit)
        for bank in self.banks:
            self.case.assertEqual(bank.learn(outputs, agreements, limit), result)
        return result[0]

    def change(self, name: str, number: int) -> None:
        """Hold, release or redraw everywhere."""
        for bank in (self.plain, *self.banks):
            getattr(bank, name)(number)


class DefinitionTests(SynchronousTestCase):
    """On every instruction set the core gives what the plain definition gives."""

    def run_rounds(
        self, parameters: MachineParameters, machines: int, package: int, seed: int, rounds: int
    ) -> None:
        case = Rounds(self, parameters, machines, package, seed)
        case.check_state()
        for _ in range(rounds):
            outputs = case.partner(case.evaluate())
            if case.random.random() < 0.2:
                self.move_one(case)
            agreed = case.learn(outputs, 2 * package, 5 * package)
            for number in agreed:
                case.change(case.random.choice(("hold", "redraw")), number)
            if case.random.random() < 0.5:
                self.move_one(case)
            case.check_state()

    @staticmethod
    def move_one(case: Rounds) -> None:
        number = case.random.randrange(case.machines)
        other = "hold" if case.plain.is_active(number) else "release"
        case.change(case.random.choice((other, "redraw")), number)

    @settings(max_examples=60)
    @given(
        st.builds(
            MachineParameters,
            K=st.integers(1, 7),
            N=st.one_of(st.integers(1, 40), st.integers(1, 200)),
            L=st.one_of(st.integers(1, 6), st.integers(1, 127)),
            rule=st.sampled_from(Rule),
        ),
        st.integers(1, 6),
        st.one_of(st.integers(1, 20), st.sampled_from([63, 64, 65, 128, 130])),
        st.integers(0, 2**32),
    )
    def test_same_rounds(
        self, parameters: MachineParameters, machines: int, package: int, seed: int
    ) -> None:
        self.run_rounds(parameters, machines, package, seed, rounds=3)

    def test_same_rounds_at_the_edges(self) -> None:
        for parameters, machines, package in (
            (machine(1, 1, 1), 1, 1),
            (machine(1, 1, 127), 3, 1024),
            (machine(64, 2, 127, Rule.HEBBIAN), 2, 9),
            (machine(64, 16, 1, Rule.ANTI_HEBBIAN), 2, 64),
            (machine(1, 16384, 127), 2, 3),
            (machine(2, 1000, 10), 2, 17),
        ):
            self.run_rounds(parameters, machines, package, seed=7, rounds=2)

    def test_same_rounds_for_every_width_of_a_unit(self) -> None:
        for N in (15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 256, 321, 512):
            for rule in Rule:
                self.run_rounds(machine(2, N, 3, rule), 2, 11, seed=N, rounds=2)

    def test_same_rounds_for_every_sharing_of_a_vector(self) -> None:
        for K in range(1, 10):
            for N, package in ((9, 1), (12, 16), (12, 17), (13, 31), (16, 2), (16, 130)):
                rule = list(Rule)[(K + N) % 3]
                self.run_rounds(machine(K, N, 4, rule), 3, package, seed=K, rounds=2)

    def test_extreme_fields_do_not_overflow(self) -> None:
        for name in SETS:
            for N in (16, 32, 16384):
                bank = bank_of(name, machine(1, N, 127), 1, 1, 0)
                for weight, bits, output in (
                    (127, 0xFF, b"\1"),
                    (127, 0, b"\0"),
                    (-127, 0xFF, b"\0"),
                    (-127, 0, b"\1"),
                    (0, 0xFF, b"\0"),
                ):
                    bank.set_weights(0, signed_bytes([weight] * N))
                    inputs = bytes([bits]) * bank.round_input_bytes
                    self.assertEqual(bank.evaluate(inputs), output, (name, N, weight, bits))
                    bank.learn(output, 1, 1)


class ExchangeTests(SynchronousTestCase):
    """Two banks that only see each other's outputs."""

    def test_partners_synchronise(self) -> None:
        for parameters, package in (
            (THESIS, 16),
            (machine(3, 100, 3), 64),
            (machine(3, 100, 3, Rule.HEBBIAN), 1),
            (machine(3, 20, 2, Rule.ANTI_HEBBIAN), 4),
        ):
            alice = new_bank(parameters, machines=8, package=package, fill=Stream(1))
            bob = new_bank(parameters, machines=8, package=package, fill=Stream(2))
            random = Random(3)
            for _ in range(20_000 // package):
                inputs = random.randbytes(alice.round_input_bytes)
                hers, his = alice.evaluate(inputs), bob.evaluate(inputs)
                self.assertEqual(alice.learn(his, 64, 1 << 40), bob.learn(hers, 64, 1 << 40))
            for number in range(8):
                self.assertEqual(bytes(alice.weights(number)), bytes(bob.weights(number)))

    def test_machines_that_agreed_long_enough_are_named(self) -> None:
        bank = new_bank(THESIS, machines=3, package=8)
        for expected in ([], [0, 1, 2]):
            ours = bank.evaluate(os.urandom(bank.round_input_bytes))
            self.assertEqual(bank.learn(ours, 16, 1000), (expected, []))

    def test_a_disagreement_starts_the_count_again(self) -> None:
        bank = new_bank(THESIS, machines=1, package=8)
        ours = bank.evaluate(os.urandom(bank.round_input_bytes))
        self.assertEqual(bank.learn(bytes([ours[0] ^ 0x08]), 5, 1000), ([], []))
        ours = bank.evaluate(os.urandom(bank.round_input_bytes))
        self.assertEqual(bank.learn(ours, 12, 1000), ([0], []))

    def test_machines_over_the_limit_are_named(self) -> None:
        bank = new_bank(THESIS, machines=2, package=8)
        for expected in ([], [0, 1]):
            ours = bank.evaluate(os.urandom(bank.round_input_bytes))
            theirs = bytes(byte ^ 0xFF for byte in ours)
            self.assertEqual(bank.learn(theirs, 1, 16), ([], expected))


class StateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bank = new_bank(THESIS, machines=4, package=2, fill=Stream(0))

    def evaluate(self) -> bytes:
        return self.bank.evaluate(bytes(self.bank.round_input_bytes))

    def test_held_machines_take_no_inputs(self) -> None:
        self.assertEqual(self.bank.round_input_bytes, 4 * 32)
        self.bank.hold(1)
        self.assertEqual(self.bank.round_input_bytes, 3 * 32)
        self.assertFalse(self.bank.is_active(1))
        self.assertEqual(self.bank.active, 3)

    def test_a_bank_of_held_machines_has_empty_rounds(self) -> None:
        for number in range(4):
            self.bank.hold(number)
        self.assertEqual(self.bank.evaluate(b""), b"")
        self.assertEqual(self.bank.learn(b"", 1, 1), ([], []))
        self.assertEqual(self.bank.counter_blocks(bytearray()), 0)

    def test_hold_and_release_take_turns(self) -> None:
        self.assertRaises(ValueError, self.bank.release, 0)
        self.bank.hold(0)
        self.assertRaises(ValueError, self.bank.hold, 0)
        self.bank.release(0)

    def test_learning_needs_a_package(self) -> None:
        self.assertRaises(RuntimeError, self.bank.learn, b"\0", 1, 1)
        ours = self.evaluate()
        self.bank.learn(ours, 1, 1)
        self.assertRaises(RuntimeError, self.bank.learn, ours, 1, 1)

    def test_a_machine_changed_in_between_learns_nothing(self) -> None:
        for change in (self.bank.hold, self.bank.redraw):
            ours = self.evaluate()
            change(0)
            before = bytes(self.bank.weights(0))
            self.assertNotIn(0, self.bank.learn(ours, 1, 1)[0])
            self.assertEqual(bytes(self.bank.weights(0)), before)
            self.assertEqual(self.bank.steps(0), 0)

    def test_a_new_package_takes_the_place_of_a_pending_one(self) -> None:
        self.evaluate()
        self.bank.hold(3)
        ours = self.evaluate()
        self.assertEqual(self.bank.learn(ours, 1, 1), ([0, 1, 2], []))

    def test_redraw_starts_the_next_run(self) -> None:
        self.bank.learn(self.evaluate(), 1, 1)
        before = bytes(self.bank.weights(2))
        self.assertEqual((self.bank.run(2), self.bank.steps(2)), (0, 2))
        self.bank.redraw(2)
        self.assertEqual((self.bank.run(2), self.bank.steps(2)), (1, 0))
        self.assertNotEqual(bytes(self.bank.weights(2)), before)

    def test_redraw_activates(self) -> None:
        self.bank.hold(2)
        self.bank.redraw(2)
        self.assertTrue(self.bank.is_active(2))

    def test_redraw_wipes_what_was_shown(self) -> None:
        view = self.bank.weights(2)
        self.bank.redraw(2)
        self.assertEqual(bytes(view), bytes(72))

    def test_weights_are_shown_read_only(self) -> None:
        view = self.bank.weights(0)
        self.assertTrue(view.readonly)
        self.assertEqual((view.format, len(view)), ("B", 72))

    def test_the_view_shows_the_machine_asked_for_last(self) -> None:
        first, second = bytes(self.bank.weights(0)), bytes(self.bank.weights(1))
        self.assertNotEqual(first, second)
        view = self.bank.weights(0)
        self.bank.weights(1)
        self.assertEqual(bytes(view), second)

    def test_a_failing_source_leaves_the_machine_held(self) -> None:
        source = BreakableStream(1)
        bank = new_bank(machine(64, 50, 3), machines=1, package=1, fill=source)
        source.broken = True
        self.assertRaises(OSError, bank.redraw, 0)
        self.assertFalse(bank.is_active(0))
        source.broken = False
        bank.redraw(0)
        self.assertTrue(bank.is_active(0))

    def test_sources_cannot_call_back(self) -> None:
        banks: list[_core.Bank] = []

        def fill(buffer: memoryview) -> None:
            Stream(1)(buffer)
            for bank in banks:
                bank.redraw(0)

        banks.append(new_bank(machine(3, 100, 3), machines=2, package=1, fill=fill))
        self.assertRaises(RuntimeError, banks[0].query, 1.0, fill)

    def test_a_bank_that_rested_goes_on(self) -> None:
        self.evaluate()
        self.bank.rest()
        self.assertRaises(
            RuntimeError, self.bank.learn, bytes(self.bank.round_output_bytes), 32, 99
        )
        self.bank.rest()
        before = bytes(self.bank.weights(0))
        outputs = self.evaluate()
        self.bank.learn(outputs, 32, 99)
        self.assertNotEqual(bytes(self.bank.weights(0)), before)

    def test_a_wiped_bank_is_unusable(self) -> None:
        view = self.bank.weights(0)
        self.bank.wipe()
        self.assertEqual(bytes(view), bytes(72))
        self.assertRaises(RuntimeError, self.evaluate)
        self.assertRaises(RuntimeError, self.bank.weights, 0)
        self.assertRaises(RuntimeError, self.bank.redraw, 0)
        self.assertRaises(RuntimeError, self.bank.rest)
        self.assertRaises(RuntimeError, self.bank.counter_blocks, bytearray(4 * 32))


class ArgumentTests(SynchronousTestCase):
    def refused(self, name: str, call: object, *arguments: object) -> None:
        assert callable(call)
        error = self.assertRaises(ValueError, call, *arguments)
        self.assertTrue(str(error).startswith(f"{name} "), str(error))

    def test_refuses_numbers_out_of_range(self) -> None:
        for name, place, values in (
            ("k", 0, (0, 65)),
            ("n", 1, (0, 16385)),
            ("l", 2, (0, 128)),
            ("rule", 3, (-1, 3)),
            ("machines", 4, (0, 65537)),
            ("package", 5, (0, 1025)),
        ):
            for value in values:
                numbers = [3, 4, 5, _core.HEBBIAN, 6, 7]
                numbers[place] = value
                self.refused(name, _core.Bank, *numbers, Stream(0))

    def test_refuses_other_shapes(self) -> None:
        bank = new_bank(THESIS, machines=3, package=3)
        size = bank.round_input_bytes
        for wrong in (0, size - 1, size + 1):
            self.refused("inputs", bank.evaluate, bytes(wrong))
        self.refused("out", bank.counter_blocks, bytearray(size - 1))
        bank.evaluate(bytes(size))
        for wrong in (0, 1, 3):
            self.refused("outputs", bank.learn, bytes(wrong), 1, 1)
        self.refused("outputs", bank.learn, b"\0\2", 1, 1)
        self.refused("agreements", bank.learn, b"\0\1", 0, 1)
        self.refused("limit", bank.learn, b"\0\1", 1, 0)
        self.refused("weights", bank.set_weights, 0, bytes(71))
        self.refused("weights", bank.set_weights, 0, b"\5" * 72)

    def test_refuses_other_machines(self) -> None:
        bank = new_bank(THESIS, machines=3, package=3)
        for call in (
            bank.hold,
            bank.release,
            bank.redraw,
            bank.is_active,
            bank.run,
            bank.steps,
            bank.weights,
        ):
            for number in (-1, 3):
                self.refused("machine", call, number)

    def test_refuses_unknown_instruction_sets(self) -> None:
        self.refused("DYNAMICRYPT_CORE", bank_of, "mmx", THESIS, 1, 1, 0)

    def test_runs_on_the_best_instruction_set(self) -> None:
        self.assertEqual(SETS[-1], "plain")
        if "DYNAMICRYPT_CORE" not in os.environ:
            self.assertEqual(new_bank(THESIS, machines=1, package=1).instruction_set, SETS[0])

    def test_rules_have_the_numbers_of_the_core(self) -> None:
        self.assertEqual(set(RULE_NUMBERS), set(Rule))
