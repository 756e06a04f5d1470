"""What two partners do in a simulated exchange."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt
from operator import index
from typing import Final

from dynamicrypt.errors import ParameterError
from dynamicrypt.params import MachineParameters
from dynamicrypt.tpm.machine import RULE_NUMBERS

#: Steps that a run may take where no limit is given; a pair that needs more counts as failed.
PATIENCE: Final = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A pair of machines, how their inputs are made, and when they exchange outputs and stop.

    `query` is H of Ruttor 2006, 5.1: A asks in odd steps, B in even ones; None means random inputs.
    `package` is B, the steps whose outputs travel together. With `secret_inputs` attackers do not
    see the inputs and guess them (Volkmer, Wallner 2005). After `limit` steps the partners give up.
    With `delay` they learn on for so many steps before the weights become a key.

    Raises ParameterError for a number out of range, TypeError for one that has to be whole and is
    not, and for a rule that is no Rule.
    """

    machine: MachineParameters
    query: float | None = None
    package: int = 1
    secret_inputs: bool = False
    limit: int = PATIENCE
    delay: int = 0

    def __post_init__(self) -> None:
        if self.query is not None and not (isfinite(self.query) and 0 < self.query <= 1e6):
            raise ParameterError(f"query is {self.query}, not above 0 and up to 1e6")
        for value in (self.machine.K, self.machine.N, self.machine.L):
            index(value)
        if self.machine.rule not in RULE_NUMBERS:
            raise TypeError(f"rule is {self.machine.rule!r}, not a Rule")
        for name, value, allowed in (
            ("package", self.package, range(1, 4097)),
            ("limit", self.limit, range(1, 1 << 62)),
            ("delay", self.delay, range(1 << 62)),
        ):
            if index(value) not in allowed:
                raise ParameterError(f"{name} is {value}, not in {allowed[0]}..{allowed[-1]}")

    @property
    def field(self) -> float:
        """Size of a queried local field without the factor 1/sqrt(N); 0 for random inputs."""
        return 0.0 if self.query is None else self.query * sqrt(self.machine.N)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """K, N, L and the core's number of the rule."""
        return self.machine.K, self.machine.N, self.machine.L, RULE_NUMBERS[self.machine.rule]
