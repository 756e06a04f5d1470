"""The ranges of parameters, and the profiles."""

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError
from dynamicrypt.params import (
    DEFAULT_PROFILE,
    MAX_ROUND_OUTPUT,
    PROFILES,
    THESIS,
    ExchangeParameters,
    MachineParameters,
    Rule,
)

EXCHANGE = PROFILES["standard"].exchange


class MachineTests(SynchronousTestCase):
    def test_numbers_outside_their_ranges_are_refused_by_name(self) -> None:
        for name, number in (("K", 0), ("K", 65), ("N", 0), ("N", 16385), ("L", 0), ("L", 128)):
            changed: dict[str, Any] = {name: number}
            with self.assertRaises(ParameterError) as caught:
                replace(THESIS, **changed)
            self.assertIn(f"{name} is {number}", str(caught.exception))


class ExchangeTests(SynchronousTestCase):
    def test_numbers_outside_their_ranges_are_refused_by_name(self) -> None:
        for name, number in (
            ("package", 0),
            ("package", 65),
            ("fusion", 0),
            ("machines", 8193),
            ("agreements", 31),
            ("step_limit", 31),
        ):
            changed: dict[str, Any] = {name: number}
            with self.assertRaises(ParameterError) as caught:
                replace(EXCHANGE, **changed)
            self.assertIn(f"{name} is {number}", str(caught.exception))

    def test_queries_come_one_by_one(self) -> None:
        with self.assertRaises(ParameterError):
            replace(EXCHANGE, query=1000)
        self.assertEqual(replace(EXCHANGE, query=1000, package=1).inputs, "query:1000")
        self.assertEqual(EXCHANGE.inputs, "random")

    def test_a_round_fits_a_line(self) -> None:
        small = MachineParameters(K=1, N=1, L=1, rule=Rule.HEBBIAN)
        largest = ExchangeParameters(
            machine=small, package=32, fusion=1, machines=8192, step_limit=100
        )
        self.assertEqual(largest.machines * largest.package // 8, MAX_ROUND_OUTPUT)
        with self.assertRaises(ParameterError):
            replace(largest, package=33)

    def test_banks_have_a_limit_of_memory(self) -> None:
        large = replace(THESIS, K=3, N=16384)
        with self.assertRaises(ParameterError):
            replace(EXCHANGE, machine=large, package=1, machines=8192)

    def test_the_inputs_of_a_package_fill_whole_blocks(self) -> None:
        step = THESIS.K * 2  # the inputs of a unit fill whole bytes
        self.assertEqual(replace(EXCHANGE, machine=THESIS, package=4).package_input_bytes, 4 * step)
        self.assertEqual(replace(EXCHANGE, machine=THESIS, package=1).package_input_bytes, 16)


class ProfileTests(SynchronousTestCase):
    def test_names_are_those_of_the_documentation(self) -> None:
        self.assertEqual(list(PROFILES), ["thesis", "fast", "standard", "strong"])
        self.assertTrue(all(name == profile.name for name, profile in PROFILES.items()))
        self.assertEqual(DEFAULT_PROFILE.name, "standard")

    def test_thesis_has_the_numbers_of_the_2019_program(self) -> None:
        exchange = PROFILES["thesis"].exchange
        self.assertEqual(exchange.machine, THESIS)
        self.assertEqual((exchange.fusion, exchange.step_limit), (1, 18432))

    def test_a_bank_can_fill_a_group_at_once(self) -> None:
        for profile in PROFILES.values():
            self.assertGreaterEqual(profile.exchange.machines, profile.exchange.fusion)
