"""Machines and banks of the compiled core, made from checked parameters."""

from __future__ import annotations

from typing import Final

from dynamicrypt._core import (
    ANTI_HEBBIAN,
    HEBBIAN,
    RANDOM_WALK,
    Bank,
    Fill,
    Machine,
    system_fill,
)
from dynamicrypt.params import MachineParameters, Rule

#: The core's number of each rule.
RULE_NUMBERS: Final = {
    Rule.HEBBIAN: HEBBIAN,
    Rule.ANTI_HEBBIAN: ANTI_HEBBIAN,
    Rule.RANDOM_WALK: RANDOM_WALK,
}


def new_machine(parameters: MachineParameters, *, fill: Fill = system_fill) -> Machine:
    """A machine with fresh weights.

    `fill` makes secrets: never let public inputs come from the same generator, unless it is the
    operating system's.
    """
    return Machine(parameters.K, parameters.N, parameters.L, RULE_NUMBERS[parameters.rule], fill)


def new_bank(
    parameters: MachineParameters, *, machines: int, package: int, fill: Fill = system_fill
) -> Bank:
    """A bank of `machines` machines with fresh weights, in packages of `package` steps.

    The same holds for `fill` as in `new_machine`. Raises ValueError for numbers out of range.
    """
    rule = RULE_NUMBERS[parameters.rule]
    return Bank(parameters.K, parameters.N, parameters.L, rule, machines, package, fill)
