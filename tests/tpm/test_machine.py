from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt import _core
from dynamicrypt.params import THESIS, MachineParameters, Rule
from dynamicrypt.tpm import reference
from dynamicrypt.tpm.machine import RULE_NUMBERS, new_machine
from tests.tpm.streams import BreakableStream, Stream, signed_bytes, signs

parameters = st.builds(
    MachineParameters,
    K=st.integers(1, 9),
    N=st.integers(1, 70),
    L=st.one_of(st.integers(1, 6), st.integers(1, 127)),
    rule=st.sampled_from(Rule),
)

EXTREMES = [
    MachineParameters(K=K, N=N, L=L, rule=rule)
    for K, N, L in ((1, 1, 1), (1, 1, 127), (64, 3, 127), (2, 16384, 127), (3, 100, 3), (6, 12, 4))
    for rule in Rule
]


class DefinitionTests(SynchronousTestCase):
    """The core gives what the plain definition gives."""

    def compare(self, parameters: MachineParameters, seed: int, steps: int) -> None:
        random = Random(seed)
        core = new_machine(parameters, fill=Stream(seed))
        plain = reference.Machine.drawn(parameters, Stream(seed))
        self.assertEqual(core.weights(), plain.canonical())
        for _ in range(steps):
            inputs = signs(random, parameters.weights)
            tau = plain.evaluate(inputs)
            self.assertEqual(core.evaluate(signed_bytes(inputs)), tau)
            # The partner's output may differ: the core obeys, whoever calls it decides.
            output = random.choice((tau, tau, -1, 1))
            plain.learn(inputs, output)
            core.learn(signed_bytes(inputs), output)
            self.assertEqual(core.weights(), plain.canonical())

    @given(parameters, st.integers(0, 2**32))
    def test_same_trajectories(self, parameters: MachineParameters, seed: int) -> None:
        self.compare(parameters, seed, steps=12)

    def test_same_trajectories_at_the_edges(self) -> None:
        for parameters in EXTREMES:
            self.compare(parameters, seed=1, steps=3)

    def test_weights_are_clipped_at_both_ends(self) -> None:
        for L in (1, 127):
            machine = _core.Machine(1, 2, L, _core.RANDOM_WALK, Stream(0))
            machine.set_weights(signed_bytes([L, -L]))
            machine.learn(b"\x01\xff", 1)
            self.assertEqual(machine.weights(), signed_bytes([L, -L]))

    def test_sign_of_zero_is_minus(self) -> None:
        machine = _core.Machine(1, 2, 3, _core.HEBBIAN, Stream(0))
        machine.set_weights(signed_bytes([2, -2]))
        self.assertEqual(machine.evaluate(b"\x01\x01"), -1)

    def test_partners_synchronise_and_stay_so(self) -> None:
        for rule in Rule:
            parameters = MachineParameters(K=3, N=24, L=2, rule=rule)
            alice = new_machine(parameters, fill=Stream(1))
            bob = new_machine(parameters, fill=Stream(2))
            random, last = Random(3), -1
            for step in range(6000):
                inputs = signed_bytes(signs(random, parameters.weights))
                tau = alice.evaluate(inputs)
                if tau == bob.evaluate(inputs):
                    alice.learn(inputs, tau)
                    bob.learn(inputs, tau)
                if alice.weights() != bob.weights():
                    last = step
            self.assertEqual(alice.weights(), bob.weights(), rule)
            self.assertLess(last, 5000)


class DrawTests(SynchronousTestCase):
    def test_weights_are_uniform(self) -> None:
        machine = _core.Machine(64, 1000, 4, _core.HEBBIAN, Stream(5))
        counts = [machine.weights().count(weight % 256) for weight in range(-4, 5)]
        expected = 64_000 / 9
        statistic = sum((count - expected) ** 2 / expected for count in counts)
        # chi-squared with 8 degrees of freedom: 26.1 is the quantile .999; the seed is fixed.
        self.assertLess(statistic, 26.1)

    def test_bytes_that_favour_small_values_are_rejected(self) -> None:
        given_bytes = iter([255, 252, 251, 0, 8, 9] * 50_000)

        def fill(buffer: memoryview) -> None:
            for place in range(len(buffer)):
                buffer[place] = next(given_bytes)

        machine = _core.Machine(1, 4, 4, _core.HEBBIAN, fill)
        self.assertEqual(machine.weights(), signed_bytes([251 % 9 - 4, -4, 4, -4]))

    def test_redraw_gives_other_weights(self) -> None:
        machine = new_machine(THESIS)
        before = machine.weights()
        machine.redraw()
        self.assertNotEqual(machine.weights(), before)

    def test_a_failing_source_leaves_no_weights(self) -> None:
        source = BreakableStream(1)
        machine = _core.Machine(64, 50, 3, _core.HEBBIAN, source)
        source.broken = True
        self.assertRaises(OSError, machine.redraw)
        self.assertRaises(RuntimeError, machine.weights)

    def test_the_source_must_be_callable(self) -> None:
        self.assertRaises(TypeError, _core.Machine, 1, 1, 1, 0, None)


class ArgumentTests(SynchronousTestCase):
    def refused(self, name: str, call: object, *arguments: object) -> None:
        assert callable(call)
        error = self.assertRaises(ValueError, call, *arguments)
        self.assertTrue(str(error).startswith(f"{name} "), str(error))

    def test_refuses_numbers_out_of_range(self) -> None:
        fill = Stream(0)
        for name, place, values in (
            ("k", 0, (0, 65, -1)),
            ("n", 1, (0, 16385)),
            ("l", 2, (0, 128)),
            ("rule", 3, (-1, 3)),
        ):
            for value in values:
                numbers = [3, 4, 5, _core.HEBBIAN]
                numbers[place] = value
                self.refused(name, _core.Machine, *numbers, fill)

    def test_refuses_other_shapes(self) -> None:
        machine = _core.Machine(2, 3, 4, _core.HEBBIAN, Stream(0))
        for size in (0, 5, 7):
            self.refused("inputs", machine.evaluate, b"\x01" * size)
            self.refused("inputs", machine.learn, b"\x01" * size, 1)
            self.refused("weights", machine.set_weights, bytes(size))

    def test_refuses_inputs_that_are_no_signs(self) -> None:
        machine = _core.Machine(2, 3, 4, _core.HEBBIAN, Stream(0))
        for value in (0, 2, 254):
            self.refused("inputs", machine.evaluate, b"\x01" * 5 + bytes([value]))
            self.refused("inputs", machine.learn, b"\x01" * 5 + bytes([value]), 1)

    def test_refuses_outputs_that_are_no_signs(self) -> None:
        machine = _core.Machine(2, 3, 4, _core.HEBBIAN, Stream(0))
        for output in (0, 2, -2):
            self.refused("output", machine.learn, b"\x01" * 6, output)

    def test_refuses_weights_out_of_range_without_showing_them(self) -> None:
        machine = _core.Machine(2, 3, 4, _core.HEBBIAN, Stream(0))
        for value in (5, -5, 127, -128):
            error = self.assertRaises(
                ValueError, machine.set_weights, signed_bytes([0, 0, 0, 0, 0, value])
            )
            self.assertEqual(str(error), "weights holds a value outside -4..4")

    def test_key_strings_end_where_digits_do(self) -> None:
        machine = _core.Machine(1, 9, 4, _core.HEBBIAN, Stream(0))
        machine.set_weights(signed_bytes(list(range(-4, 5))))
        self.assertEqual(machine.key_string(), b"012345678")
        self.refused("l", _core.Machine(1, 9, 5, _core.HEBBIAN, Stream(0)).key_string)

    def test_every_rule_has_its_number(self) -> None:
        self.assertEqual(sorted(RULE_NUMBERS.values()), [0, 1, 2])
        self.assertEqual(set(RULE_NUMBERS), set(Rule))


class WipeTests(SynchronousTestCase):
    def test_a_wiped_machine_is_unusable(self) -> None:
        machine = new_machine(THESIS)
        machine.wipe()
        inputs = b"\x01" * 72
        self.assertRaises(RuntimeError, machine.evaluate, inputs)
        self.assertRaises(RuntimeError, machine.learn, inputs, 1)
        self.assertRaises(RuntimeError, machine.weights)
        self.assertRaises(RuntimeError, machine.key_string)

    def test_new_weights_make_it_usable(self) -> None:
        machine = new_machine(THESIS)
        machine.wipe()
        machine.redraw()
        self.assertEqual(len(machine.weights()), 72)
        machine.wipe()
        machine.set_weights(bytes(72))
        self.assertEqual(machine.weights(), bytes(72))
