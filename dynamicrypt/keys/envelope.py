"""The envelope of a sealed message: its header, its sub-keys and its associated data.

The format is specified in docs/envelope.md; the names of the fields are those used there.
"""

from __future__ import annotations

import hashlib
import struct
from enum import IntEnum
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from dynamicrypt.errors import BadCiphertextError
from dynamicrypt.keys.cells import KEY_BYTES
from dynamicrypt.keys.pool_key import Mode
from dynamicrypt.keys.schedule import PROTOCOL, pack

VERSION: Final = 1
TAG_BYTES: Final = 16
NONCE_BYTES: Final = 12
MESSAGE_ID_BYTES: Final = 16
#: Pieces of a message in mode 4.
MIN_PIECES: Final = 2
MAX_PIECES: Final = 255

#: version, suite, mode, direction, key id
_PREFIX: Final = struct.Struct(">BBBB16s")
PREFIX_BYTES: Final = _PREFIX.size
#: the same, and the counter
_HEAD: Final = struct.Struct(">BBBB16sI")
HEAD_BYTES: Final = _HEAD.size
#: mode 3: n
_LIMIT: Final = struct.Struct(">I")
#: mode 4: message id, index, number of pieces
_PIECE: Final = struct.Struct(">16sBB")
#: The nonce is this and the four bytes of the counter.
NONCE_PREFIX: Final = bytes(NONCE_BYTES - 4)

Aead = AESGCM | ChaCha20Poly1305


class Suite(IntEnum):
    """The AEAD of an envelope; both have keys of 32, nonces of 12 and tags of 16 bytes."""

    AES_256_GCM = 1
    #: Faster where the processor has no instructions for AES.
    CHACHA20_POLY1305 = 2


class Purpose:
    """What a sub-key is for: the last words of its label."""

    MESSAGE: Final = b"message"
    HASH: Final = b"hash"
    STREAM: Final = b"stream"


_SHA256: Final = SHA256()
_INFO: Final = {
    (purpose, int(suite), direction): pack(
        PROTOCOL, b"envelope " + purpose, bytes([suite]), bytes([direction])
    )
    for purpose in (Purpose.MESSAGE, Purpose.HASH, Purpose.STREAM)
    for suite in Suite
    for direction in (0, 1)
}
#: Bytes of the header in each mode.
_SIZES: Final = {
    int(Mode.FAST): _HEAD.size,
    int(Mode.SECURE): _HEAD.size,
    int(Mode.COUNTED): _HEAD.size + _LIMIT.size,
    int(Mode.SPLIT): _HEAD.size + _PIECE.size,
    int(Mode.STREAM): _HEAD.size,
}


class Header(NamedTuple):
    """What an envelope says in clear, and authenticates."""

    suite: int
    mode: int
    #: Role of the node that sealed it.
    direction: int
    key_id: bytes
    counter: int = 0
    #: Mode 3: the most messages under the key.
    limit: int = 0
    #: Mode 4: which message, which piece of it, and of how many.
    message_id: bytes = b""
    piece: int = 0
    pieces: int = 0

    @property
    def size(self) -> int:
        """Length of the header in bytes; the rest of the envelope is ciphertext and tag."""
        return _SIZES[self.mode]

    @property
    def prefix(self) -> bytes:
        """What stands before the counter."""
        return prefix(self.suite, self.mode, self.direction, self.key_id)

    @property
    def tail(self) -> bytes:
        """What stands behind the counter."""
        if self.mode == Mode.COUNTED:
            return self.limit.to_bytes(4, "big")
        if self.mode == Mode.SPLIT:
            return _PIECE.pack(self.message_id, self.piece, self.pieces)
        return b""

    def encode(self) -> bytes:
        """Return the bytes of the header."""
        return self.prefix + self.counter.to_bytes(4, "big") + self.tail


def prefix(suite: int, mode: int, direction: int, key_id: bytes) -> bytes:
    """Return what stands before the counter in a header."""
    return _PREFIX.pack(VERSION, suite, mode, direction, key_id)


def parse(envelope: bytes) -> Header:
    """Return the header of an envelope.

    Raises BadCiphertextError for whatever is not an envelope in its one canonical form.
    """
    try:
        version, suite, mode, direction, key_id, counter = _HEAD.unpack_from(envelope)
        size = _SIZES[mode]
        limit, message_id, piece, pieces = 0, b"", 0, 0
        if mode == Mode.COUNTED:
            (limit,) = _LIMIT.unpack_from(envelope, _HEAD.size)
        elif mode == Mode.SPLIT:
            message_id, piece, pieces = _PIECE.unpack_from(envelope, _HEAD.size)
    except (struct.error, KeyError):
        raise BadCiphertextError("this is no envelope") from None
    if version != VERSION or not 1 <= suite <= 2 or direction > 1:
        raise BadCiphertextError("this is no envelope of version 1")
    if len(envelope) < size + TAG_BYTES:
        raise BadCiphertextError("the envelope is cut short")
    if mode == Mode.COUNTED:
        canonical = counter < limit
    elif mode == Mode.SPLIT:
        canonical = counter == 0 and pieces >= MIN_PIECES and piece < pieces
    else:
        canonical = mode == Mode.FAST or counter == 0
    if not canonical:
        raise BadCiphertextError("the header contradicts itself")
    return Header(suite, mode, direction, key_id, counter, limit, message_id, piece, pieces)


def nonce(header: bytes) -> bytes:
    """Return the nonce of an encoded header: 64 zero bits and the counter."""
    return NONCE_PREFIX + header[PREFIX_BYTES:HEAD_BYTES]


def aead(suite: int, subkey: bytes | bytearray | memoryview) -> Aead:
    """Return the cipher; it copies the sub-key and wipes the copy when it is dropped."""
    return AESGCM(subkey) if suite == Suite.AES_256_GCM else ChaCha20Poly1305(subkey)


def expand(
    key: bytes | bytearray | memoryview,
    purpose: bytes,
    suite: int,
    direction: int,
    out: bytearray | memoryview,
) -> None:
    """Write the sub-key for a purpose, suite and direction to `out`, of 32 bytes.

    HKDF-Expand (RFC 5869, 2.3) with SHA-256; the key is uniform, so there is nothing to extract.
    """
    HKDFExpand(_SHA256, KEY_BYTES, _INFO[purpose, suite, direction]).derive_into(key, out)


def channel_binding(participants: tuple[tuple[bytes, str], tuple[bytes, str]]) -> bytes:
    """Return 32 bytes that stand for a channel in the associated data of its envelopes.

    `participants` are fingerprint and service name of role 0 and of role 1.
    """
    (first, service), (second, partner) = participants
    packed = pack(PROTOCOL, b"envelope", first, service.encode(), second, partner.encode())
    return hashlib.sha256(packed).digest()
