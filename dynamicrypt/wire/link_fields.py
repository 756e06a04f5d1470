"""Fields of wire 2: numbers, names, words and bytes, each with one canonical text.

A decoder takes the bytes between two TABs and gives the value, or raises FieldError; what it
takes, its encoder gives back byte by byte.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, NamedTuple

from dynamicrypt.errors import RemoteError

_NUMBER: Final = re.compile(rb"0|[1-9][0-9]{0,17}")
_WORD: Final = re.compile(rb"[a-z][a-z0-9-]{0,31}")
_QUANTUM: Final = 4


class FieldError(RemoteError):
    """The partner sent a field that is not in canonical form. Check that it speaks wire 2."""


class Field(NamedTuple):
    """How one field is written and read."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


def number(limit: int) -> Field:
    """A decimal number in 0..limit, limit below 10^18, without sign or leading zeros."""

    def decode(text: bytes) -> int:
        if not _NUMBER.fullmatch(text) or (value := int(text)) > limit:
            raise FieldError(f"no number in 0..{limit}")
        return value

    return Field(b"%d".__mod__, decode)


def data(limit: int, unit: int = 1) -> Field:
    """Bytes in base64 with padding (RFC 4648, section 4), `limit` at most, a multiple of `unit`."""
    longest = -(-limit // 3) * _QUANTUM

    def encode(value: bytes) -> bytes:
        return b2a_base64(value, newline=False)

    def decode(text: bytes) -> bytes:
        if len(text) > longest:
            raise FieldError(f"more than {limit} bytes")
        try:
            value = a2b_base64(text, strict_mode=True)
        except Error:
            raise FieldError("no base64") from None
        # The decoder ignores the bits that padding leaves over: only the last quantum can differ.
        tail = len(value) % 3 or 3
        if text[-_QUANTUM:] != b2a_base64(value[-tail:], newline=False):
            raise FieldError("base64 that is not canonical")
        if len(value) > limit or len(value) % unit:
            raise FieldError(f"not a multiple of {unit} bytes up to {limit}")
        return value

    return Field(encode, decode)


def fixed(size: int) -> Field:
    """Exactly `size` bytes in base64."""
    encode, decode_data = data(size)

    def decode(text: bytes) -> bytes:
        value: bytes = decode_data(text)
        if len(value) != size:
            raise FieldError(f"not {size} bytes")
        return value

    return Field(encode, decode)


def text(limit: int, least: int = 1) -> Field:
    """UTF-8 of `least` to `limit` bytes, printable characters and blanks only."""

    def decode(raw: bytes) -> str:
        if not least <= len(raw) <= limit:
            raise FieldError(f"not {least} to {limit} bytes of text")
        try:
            value = raw.decode()
        except UnicodeDecodeError:
            raise FieldError("no UTF-8") from None
        if not value.isprintable():
            raise FieldError("text with a character that cannot be printed")
        return value

    return Field(str.encode, decode)


def word() -> Field:
    """A lower-case word of at most 32 letters, digits and hyphens."""

    def decode(raw: bytes) -> str:
        if not _WORD.fullmatch(raw):
            raise FieldError("no word")
        return raw.decode()

    return Field(str.encode, decode)


def words(most: int) -> Field:
    """At most `most` words in ascending order without repetition, joined by commas."""
    one = word()

    def encode(values: tuple[str, ...]) -> bytes:
        return ",".join(values).encode()

    def decode(raw: bytes) -> tuple[str, ...]:
        if not raw:
            return ()
        values = tuple(one.decode(part) for part in raw.split(b",", most))
        if len(values) > most or any(a >= b for a, b in pairwise(values)):
            raise FieldError(f"no list of at most {most} words in ascending order")
        return values

    return Field(encode, decode)


def pairs(most: int, first: int, second: int) -> Field:
    """At most `most` pairs of numbers `a:b`, a ascending up to `first`, b up to `second`."""
    left, right = number(first), number(second)

    def encode(values: tuple[tuple[int, int], ...]) -> bytes:
        return b",".join(b"%d:%d" % pair for pair in values)

    def decode_pair(part: bytes) -> tuple[int, int]:
        a, _, b = part.partition(b":")
        return left.decode(a), right.decode(b)

    def decode(raw: bytes) -> tuple[tuple[int, int], ...]:
        if not raw:
            return ()
        values = tuple(decode_pair(part) for part in raw.split(b",", most))
        if len(values) > most or any(a[0] >= b[0] for a, b in pairwise(values)):
            raise FieldError(f"no list of at most {most} pairs in ascending order")
        return values

    return Field(encode, decode)


def flag() -> Field:
    """1 for true, 0 for false."""

    def decode(raw: bytes) -> bool:
        if raw not in {b"0", b"1"}:
            raise FieldError("no flag")
        return raw == b"1"

    return Field(b"%d".__mod__, decode)
