from __future__ import annotations

from math import sqrt

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.params import MachineParameters, Rule
from dynamicrypt.tpm import reference, reference_bank
from dynamicrypt.tpm.machine import new_bank
from tests.tpm.streams import Stream


def machine(K: int, N: int, L: int) -> MachineParameters:
    return MachineParameters(K=K, N=N, L=L, rule=Rule.RANDOM_WALK)


class QueryTests(SynchronousTestCase):
    @given(
        st.builds(machine, st.integers(1, 5), st.integers(1, 150), st.integers(1, 127)),
        st.floats(0.01, 50),
        st.integers(0, 2**32),
    )
    def test_the_core_asks_what_the_definition_asks(
        self, parameters: MachineParameters, h: float, seed: int
    ) -> None:
        core = new_bank(parameters, machines=3, package=1, fill=Stream(seed))
        plain = reference_bank.Bank(parameters, 3, 1, Stream(seed))
        for bank in (core, plain):
            bank.hold(1)
        self.assertEqual(core.query(h, Stream(seed + 1)), plain.query(h, Stream(seed + 1)))

    def test_fields_are_near_what_was_asked_for(self) -> None:
        parameters = machine(3, 1000, 10)
        queried = reference.Machine.drawn(parameters, Stream(1))
        for h in (0.5, 3.2, 6.0):
            fields = queried.fields(queried.query(h, reference.Draws(Stream(2))))
            for field in fields:
                self.assertLess(abs(abs(field) / sqrt(parameters.N) - h), 0.1)

    def test_the_signs_of_the_fields_are_fair(self) -> None:
        parameters = machine(1, 20, 3)
        queried = reference.Machine.drawn(parameters, Stream(1))
        draws = reference.Draws(Stream(2))
        positive = sum(queried.evaluate(queried.query(1.0, draws)) > 0 for _ in range(400))
        # Binomial, 4 standard deviations; the seed is fixed.
        self.assertLess(abs(positive - 200), 40)

    def test_partners_synchronise_by_turns_of_queries(self) -> None:
        parameters = machine(3, 100, 3)
        alice = new_bank(parameters, machines=6, package=1, fill=Stream(1))
        bob = new_bank(parameters, machines=6, package=1, fill=Stream(2))
        public = Stream(3)
        for step in range(3000):
            inputs = (alice, bob)[step % 2].query(0.35 * parameters.L, public)
            hers, his = alice.evaluate(inputs), bob.evaluate(inputs)
            alice.learn(his, 1, 1)
            bob.learn(hers, 1, 1)
        for number in range(6):
            self.assertEqual(bytes(alice.weights(number)), bytes(bob.weights(number)))

    def test_changes_nothing(self) -> None:
        bank = new_bank(machine(2, 9, 3), machines=2, package=1, fill=Stream(1))
        before = bytes(bank.weights(0)), bytes(bank.weights(1))
        bank.query(1.0, Stream(2))
        self.assertEqual((bytes(bank.weights(0)), bytes(bank.weights(1))), before)

    def test_refuses_fields_that_cannot_be(self) -> None:
        bank = new_bank(machine(2, 9, 3), machines=2, package=1)
        plain = reference.Machine(machine(2, 9, 3), [0] * 18)
        for h in (0.0, -1.0, float("nan"), float("inf")):
            for error in (
                self.assertRaises(ValueError, bank.query, h, Stream(0)),
                self.assertRaises(ValueError, plain.query, h, reference.Draws(Stream(0))),
            ):
                self.assertIn("h is", str(error))

    def test_refuses_packages_of_several_steps(self) -> None:
        parameters = machine(2, 9, 3)
        core = new_bank(parameters, machines=2, package=2)
        plain = reference_bank.Bank(parameters, 2, 2, Stream(0))
        for bank in (core, plain):
            error = self.assertRaises(ValueError, bank.query, 1.0, Stream(0))
            self.assertIn("package is 2", str(error))

    def test_random_bytes_make_the_choice(self) -> None:
        bank = new_bank(machine(2, 90, 3), machines=1, package=1, fill=Stream(1))
        self.assertNotEqual(bank.query(1.0, Stream(2)), bank.query(1.0, Stream(3)))
        self.assertEqual(bank.query(1.0, Stream(2)), bank.query(1.0, Stream(2)))
