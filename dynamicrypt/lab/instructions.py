"""Which instruction set the simulation uses. Results do not depend on it."""

from __future__ import annotations

import os
from typing import Final

from dynamicrypt._core import lane_instruction_sets
from dynamicrypt.errors import ParameterError

#: Name of the environment variable that chooses an instruction set; for tests and measurements.
VARIABLE: Final = "DYNAMICRYPT_INSTRUCTION_SET"


def instruction_set() -> str:
    """The name in the environment variable, or the best that this processor has.

    Raises ParameterError for a name that is not one of `lane_instruction_sets()`.
    """
    available = lane_instruction_sets()
    name = os.environ.get(VARIABLE) or available[0]
    if name not in available:
        raise ParameterError(f"{VARIABLE} is {name}, not one of {', '.join(available)}")
    return name
