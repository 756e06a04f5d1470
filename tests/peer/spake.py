"""SPAKE2 as docs/pairing.md writes it, in affine coordinates: a second implementation to hold ours
and its library against. Slow, and nobody's secret is safe with it.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TypeAlias

FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, -1, FIELD) % FIELD
BASE_Y = 4 * pow(5, -1, FIELD) % FIELD

Point: TypeAlias = tuple[int, int]


def x_of(y: int) -> int | None:
    """The even x of a point with this y, None if there is none (RFC 8032, 5.1.3)."""
    square = (y * y - 1) * pow(CURVE * y * y + 1, -1, FIELD) % FIELD
    root = pow(square, (FIELD + 3) // 8, FIELD)
    if (root * root - square) % FIELD:
        root = root * pow(2, (FIELD - 1) // 4, FIELD) % FIELD
    if (root * root - square) % FIELD:
        return None
    return FIELD - root if root & 1 else root


def add(one: Point, other: Point) -> Point:
    """The sum of two points (RFC 8032, 5.1.4, in affine form)."""
    (x1, y1), (x2, y2) = one, other
    product = CURVE * x1 * x2 * y1 * y2 % FIELD
    x = (x1 * y2 + y1 * x2) * pow(1 + product, -1, FIELD)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, FIELD)
    return x % FIELD, y % FIELD


def multiply(point: Point, scalar: int) -> Point:
    """A multiple of a point."""
    total = (0, 1)
    for bit in f"{scalar:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def encode(point: Point) -> bytes:
    """32 bytes: y, and the lowest bit of x in the highest bit."""
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(text: bytes) -> Point:
    """The point of 32 bytes."""
    number = int.from_bytes(text, "little")
    y = number & (2**255 - 1)
    x = x_of(y)
    assert x is not None
    return (x if number >> 255 == x & 1 else FIELD - x), y


def hkdf(secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA256 without salt (RFC 5869)."""
    key = hmac.digest(bytes(32), secret, sha256)
    made, block = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.digest(key, block + info + bytes([number]), sha256)
        made += block
    return made[:length]


def element(seed: bytes) -> Point:
    """A point whose logarithm nobody knows: the constants M and N."""
    y = int.from_bytes(hkdf(seed, b"SPAKE2 arbitrary element", 48)) % FIELD
    while True:
        x = x_of(y)
        if x is not None:
            point = multiply((x, y), 8)
            if point != (0, 1):
                return point
        y = (y + 1) % FIELD


def base() -> Point:
    """The base point."""
    x = x_of(BASE_Y)
    assert x is not None
    return x, BASE_Y


def scalar(code: bytes) -> int:
    """The number that stands for a code."""
    return int.from_bytes(hkdf(code, b"SPAKE2 pw", 48)) % ORDER


def exchange(
    code: bytes, dialler: bytes, listener: bytes, entropy: tuple[bytes, bytes]
) -> tuple[bytes, bytes, bytes]:
    """The two shares and the key of a run in which both sides know the code."""
    w = scalar(code)
    x, y = (int.from_bytes(drawn) % ORDER for drawn in entropy)
    share_x = encode(add(multiply(base(), x), multiply(element(b"M"), w)))
    share_y = encode(add(multiply(base(), y), multiply(element(b"N"), w)))
    unmasked = add(decode(share_x), multiply(element(b"M"), ORDER - w))
    common = encode(multiply(unmasked, y))
    hashes = b"".join(
        sha256(part).digest() for part in (code, b"dialler " + dialler, b"listener " + listener)
    )
    return share_x, share_y, sha256(hashes + share_x + share_y + common).digest()


def proof(key: bytes, *fields: bytes) -> bytes:
    """HMAC-SHA256 of fields, each after its length in two bytes."""
    framed = b"".join(len(field).to_bytes(2, "big") + field for field in fields)
    return hmac.digest(key, framed, sha256)
