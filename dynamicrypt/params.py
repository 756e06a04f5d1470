"""The numbers of a tree parity machine, and the ranges in which they are supported."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from dynamicrypt.errors import ParameterError

#: Hidden units. The public cost of an exchange grows exponentially in K from 4 on (Ruttor 2006, 3.4).
K_RANGE: Final = range(1, 65)
#: Inputs of a hidden unit; a local field K*N*L must fit a 32-bit integer with room to spare.
N_RANGE: Final = range(1, 16385)
#: Largest weight; a weight must fit a signed byte.
L_RANGE: Final = range(1, 128)


class Rule(Enum):
    """How a hidden unit that agrees with the common output moves its weights."""

    HEBBIAN = "hebbian"
    ANTI_HEBBIAN = "anti-hebbian"
    RANDOM_WALK = "random-walk"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineParameters:
    """K hidden units of N inputs each, weights in -L..L, and the learning rule.

    Raises ParameterError for a number outside K_RANGE, N_RANGE or L_RANGE.
    """

    K: int
    N: int
    L: int
    rule: Rule

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("K", self.K, K_RANGE),
            ("N", self.N, N_RANGE),
            ("L", self.L, L_RANGE),
        ):
            if value not in allowed:
                raise ParameterError(f"{name} is {value}, not in {allowed[0]}..{allowed[-1]}")

    @property
    def weights(self) -> int:
        """The number of weights of one machine, K*N."""
        return self.K * self.N


#: The machine of the 2019 program (thesis, chapter 5).
THESIS: Final = MachineParameters(K=6, N=12, L=4, rule=Rule.HEBBIAN)
