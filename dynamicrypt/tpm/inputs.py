"""Public inputs for machines: a keystream of their own, apart from every secret.

Whoever watches the public inputs learns nothing about the generator of the weights, because the
two share none: in the 2019 program one 32-bit seed made both, and the first vector gave it away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

#: Seed of a PublicStream: a key and a nonce of AES-256-CTR.
SEED_BYTES: Final = 48

_SIGNS: Final = [
    bytes(0x01 if byte >> bit & 1 else 0xFF for bit in range(8)) for byte in range(256)
]
_LETTERS: Final = bytes(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[byte % 64]
    for byte in range(256)
)


class PublicStream:
    """Random input vectors and salts from one AES-256-CTR keystream (NIST SP 800-38A, 6.5).

    What it gives is meant to be seen by everyone. `entropy(n)` is called once, for the seed.
    """

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        seed = entropy(SEED_BYTES)
        cipher = Cipher(algorithms.AES(seed[:32]), modes.CTR(seed[32:]))
        self._keystream = cipher.encryptor()

    def vector(self, entries: int) -> bytes:
        """A uniform vector: `entries` bytes, each 0x01 for +1 or 0xff for -1."""
        stream = self._keystream.update(bytes((entries + 7) // 8))
        return b"".join([_SIGNS[byte] for byte in stream])[:entries]

    def letters(self, count: int) -> bytes:
        """`count` uniform letters of the base64 alphabet."""
        return self._keystream.update(bytes(count)).translate(_LETTERS)
