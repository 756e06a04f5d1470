"""What two partners do in a simulated exchange."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt
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

    Raises ParameterError for a number out of range.
    """

    machine: MachineParameters
    query: float | None = None
    package: int = 1
    secret_inputs: bool = False
    limit: int = PATIENCE
    delay: int = 0

    def __post_init__(self) -> None:
        if self.query is not None and not (isfinite(self.query) and 0 < self.query <= 1e6):
            raise ParameterError(f"query is {self.query}, not in 0..1e6")
        if self.package not in range(1, 4097):
            raise ParameterError(f"package is {self.package}, not in 1..4096")
        if self.limit not in range(1, 1 << 62):
            raise ParameterError(f"limit is {self.limit}, not in 1..2**62-1")
        if self.delay not in range(1 << 62):
            raise ParameterError(f"delay is {self.delay}, not in 0..2**62-1")

    @property
    def field(self) -> float:
        """Size of a queried local field without the factor 1/sqrt(N); 0 for random inputs."""
        return 0.0 if self.query is None else self.query * sqrt(self.machine.N)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """K, N, L and the core's number of the rule."""
        return self.machine.K, self.machine.N, self.machine.L, RULE_NUMBERS[self.machine.rule]
