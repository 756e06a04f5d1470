"""What the thesis derives from weights alone: key texts, their lengths, the iteration limit.

Weights are canonical bytes, as `Machine.weights` gives them. None of these texts is a good key:
they are here so that programs of the thesis can be spoken to, and its figures reproduced.
"""

from __future__ import annotations

from typing import Final

from dynamicrypt.errors import ParameterError
from dynamicrypt.params import MachineParameters

#: Alphabet of the prototype's keys (thesis, chapter 4).
DICTIONARY: Final = b"0123456789_abcdefghijklmnopqrstuvwxyz"
#: The thesis counts the dictionary with the NUL that ends it in C.
DICTIONARY_SIZE: Final = len(DICTIONARY) + 1


def max_iterations(parameters: MachineParameters) -> int:
    """Iterations after which a run is given up, K*N*L**4."""
    return parameters.weights * parameters.L**4


def digit_key(weights: bytes, L: int) -> bytes:
    """The key string of the 2019 program: the digit of w+L for each weight.

    Raises ParameterError for L above 4, where w+L has no single digit.
    """
    if L > 4:
        raise ParameterError(f"L is {L}: key strings of digits end at L = 4")
    return bytes(0x30 + weight for weight in _shifted(weights, L))


def group_size(L: int) -> int:
    """How many weights make one character of a prototype key, floor(38 / (2L+1)).

    Raises ParameterError where the sum of a group can leave the dictionary, or no group is left:
    L = 9 and L from 18 on.
    """
    size = DICTIONARY_SIZE // (2 * L + 1)
    if size == 0 or 1 + size * 2 * L >= len(DICTIONARY):
        raise ParameterError(f"L is {L}: the dictionary of the prototype does not cover it")
    return size


def dictionary_key(weights: bytes, L: int) -> bytes:
    """The key of the prototype: D[1 + sum(w+L)] for each whole group of weights.

    The thesis does not print this mapping; it is the one that its printed keys fit.
    """
    size = group_size(L)
    shifted = _shifted(weights, L)
    whole = len(shifted) // size * size
    return bytes(
        DICTIONARY[1 + sum(shifted[start : start + size])] for start in range(0, whole, size)
    )


def _shifted(weights: bytes, L: int) -> bytes:
    return bytes((weight + L) % 256 for weight in weights)
