"""Bits as characters that people read out, compare and type, with a check character.

The alphabet is Crockford's base 32: no letter looks like a digit of it, capitals count as small
letters, and o, i and l are read as 0, 1 and 1. A block of symbols s1..sn ends with a check symbol c
that makes a^n s1 + ... + a sn + c = 0 in GF(32), where a is a root of x^5 + x^2 + 1. The order of a
is 31, so in a block of at most 30 symbols each single wrong symbol and each exchange of two
symbols is found (weights a^j are distinct and not zero).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dynamicrypt.peer.errors import MistypedError

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
#: Longest block, without its check symbol, in which the promise above holds.
MAX_BLOCK: Final = 30

_VALUES: Final = {symbol: value for value, symbol in enumerate(ALPHABET)} | {
    "o": 0,
    "i": 1,
    "l": 1,
}
_SEPARATORS: Final = dict.fromkeys(map(ord, "-_:. \t\r\n"))


def bare(text: str) -> str:
    """What a person typed, without separators and in small letters."""
    return text.translate(_SEPARATORS).lower()


def symbols(text: str) -> list[int]:
    """The values of the characters that a person typed; separators are ignored.

    Raises MistypedError for a character outside the alphabet.
    """
    values = []
    for character in bare(text):
        value = _VALUES.get(character)
        if value is None:
            raise MistypedError(f"there is no {character!r} in fingerprints and codes")
        values.append(value)
    return values


def text(values: Iterable[int]) -> str:
    """The characters of symbol values."""
    return "".join(ALPHABET[value] for value in values)


def split(number: int, length: int) -> list[int]:
    """The `length` base 32 symbols of a number, most significant first."""
    return [(number >> 5 * place) & 31 for place in reversed(range(length))]


def join(values: Iterable[int]) -> int:
    """The number whose base 32 symbols these are, most significant first."""
    number = 0
    for value in values:
        number = number << 5 | value
    return number


def check(block: Iterable[int]) -> int:
    """The check symbol of a block of at most MAX_BLOCK symbols."""
    total = 0
    for value in block:
        total = _times_a(total ^ value)
    return total


def _times_a(element: int) -> int:
    """An element of GF(32) times the root a of x^5 + x^2 + 1."""
    doubled = element << 1
    return doubled ^ 0b100101 if doubled & 32 else doubled
