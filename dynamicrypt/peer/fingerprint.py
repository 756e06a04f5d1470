"""A node's fingerprint: SHA-256 of its public key, and the form in which people compare it.

Specified in docs/pairing.md, "Fingerprints for people".

The key is the DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7), as in RFC 7469. In the program a
fingerprint is its 32 bytes; the node with the smaller ones has role 0. People see 56 characters
in 8 groups of 7: 256 bits and four zero bits are 52 symbols (`transcription`), cut into four
blocks of 13, each followed by its check symbol. So a typing error is not only found: the pair of
groups that it is in can be named.
"""

from __future__ import annotations

import re
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dynamicrypt.peer import transcription
from dynamicrypt.peer.errors import MistypedError

#: Bytes of a fingerprint.
SIZE: Final = 32

_BLOCKS: Final = 4
_BLOCK: Final = 13
_GROUP: Final = 7
_SPARE_BITS: Final = 5 * _BLOCKS * _BLOCK - 8 * SIZE
_HEX: Final = re.compile(r"[0-9a-f]{64}")


def fingerprint_of(key: Ed25519PublicKey) -> bytes:
    """The fingerprint of a public key."""
    digest = Hash(SHA256())
    digest.update(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize()


def show(fingerprint: bytes) -> str:
    """The form for people: eight groups of seven characters, joined by hyphens."""
    data = transcription.split(int.from_bytes(fingerprint) << _SPARE_BITS, _BLOCKS * _BLOCK)
    marked: list[int] = []
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        marked += [*block, transcription.check(block)]
    written = transcription.text(marked)
    return "-".join(written[at : at + _GROUP] for at in range(0, len(written), _GROUP))


def read(text: str) -> bytes:
    """The fingerprint that a person typed or pasted, in the form of `show` or as 64 hex digits.

    Capitals, hyphens, blanks and colons do not matter. Raises MistypedError, which names the
    groups to look at.
    """
    bare = transcription.bare(text)
    if _HEX.fullmatch(bare):
        return bytes.fromhex(bare)
    marked = transcription.symbols(bare)
    if len(marked) != _BLOCKS * (_BLOCK + 1):
        raise MistypedError(f"a fingerprint has 56 characters, this has {len(marked)}")
    data: list[int] = []
    for number in range(_BLOCKS):
        *block, check = marked[number * (_BLOCK + 1) : (number + 1) * (_BLOCK + 1)]
        if transcription.check(block) != check:
            raise MistypedError(f"group {2 * number + 1} or {2 * number + 2} is mistyped")
        data += block
    value = transcription.join(data)
    if value & ((1 << _SPARE_BITS) - 1):
        raise MistypedError("this is no fingerprint")
    return (value >> _SPARE_BITS).to_bytes(SIZE)
