"""The ratchet of a link: each epoch's secret from the last one and a fresh hybrid exchange.

secret(e) = HKDF(salt = next(e - 1), input = X25519 secret || ML-KEM-768 secret, info = label,
number, fingerprints, transcript); next(-1) is the exporter secret of the TLS connection. Who
learns one secret is locked out again by the next exchange, unless he acts within it: healing
holds against those who only listen (docs/protocol.md, "Epochs").

X25519: RFC 7748; ML-KEM-768: FIPS 203. The libraries hand their shared secrets out as immutable
bytes, which cannot be wiped while they live (docs/security.md, "What stays in memory").
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dynamicrypt.errors import RemoteError
from dynamicrypt.keys.schedule import PROTOCOL, SECRET_BYTES, EpochKeys, Parties, Secret, pack

#: What to export from the TLS connection (RFC 8446, 7.5; no context), and how many bytes.
EXPORTER_LABEL: Final = b"EXPORTER-dynamicrypt-2"
EXPORTER_BYTES: Final = 32

_X25519_BYTES: Final = 32
_SEED_BYTES: Final = 64

#: Fills the buffer with random bytes.
Fill = Callable[[memoryview], object]


class ShareError(RemoteError):
    """The partner sent a key share that is none. One of the two programs is faulty; update both."""


class Offer:
    """Role 0's half of one exchange: `share` is the X25519 key, then the encapsulation key."""

    __slots__ = ("_decapsulation", "_x25519", "share")

    def __init__(self, fill: Fill) -> None:
        seed = bytearray(_X25519_BYTES + _SEED_BYTES)
        # Parts of a view are no copies, which would be left behind.
        view = memoryview(seed)
        fill(view)
        self._x25519 = X25519PrivateKey.from_private_bytes(view[:_X25519_BYTES])
        self._decapsulation = MLKEM768PrivateKey.from_seed_bytes(view[_X25519_BYTES:])
        view[:] = bytes(len(seed))
        self.share: Final = (
            self._x25519.public_key().public_bytes_raw()
            + self._decapsulation.public_key().public_bytes_raw()
        )

    def finish(self, answer: bytes) -> bytearray:
        """The shared secrets of the exchange, for the caller to wipe.

        Raises ShareError.
        """
        try:
            theirs = X25519PublicKey.from_public_bytes(answer[:_X25519_BYTES])
            return _joined(
                self._x25519.exchange(theirs),
                self._decapsulation.decapsulate(answer[_X25519_BYTES:]),
            )
        except ValueError:
            raise ShareError("an answer that is no key share") from None


def answer(offer: bytes, fill: Fill) -> tuple[bytes, bytearray]:
    """Role 1's half: its share, and the shared secrets for the caller to wipe.

    The encapsulation takes its randomness from OpenSSL. Raises ShareError.
    """
    seed = bytearray(_X25519_BYTES)
    fill(memoryview(seed))
    private = X25519PrivateKey.from_private_bytes(seed)
    seed[:] = bytes(len(seed))
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(offer[:_X25519_BYTES]))
        encapsulation = MLKEM768PublicKey.from_public_bytes(offer[_X25519_BYTES:])
        secret, ciphertext = encapsulation.encapsulate()
    except ValueError:
        raise ShareError("an offer that is no key share") from None
    return private.public_key().public_bytes_raw() + ciphertext, _joined(shared, secret)


def _joined(shared: bytes, secret: bytes) -> bytearray:
    """Both secrets in one buffer that can be wiped, without a second one on the way."""
    both = bytearray(len(shared) + len(secret))
    both[: len(shared)] = shared
    both[len(shared) :] = secret
    return both


def transcript(epoch: int, first: bytes, second: bytes) -> bytes:
    """The hash of an epoch's exchange: role 0's line and role 1's, without their LF."""
    # A line is longer than the two bytes of a packed length can say, so its hash is packed.
    items = (hashlib.sha256(line).digest() for line in (first, second))
    return hashlib.sha256(pack(PROTOCOL, b"exchange", epoch.to_bytes(8), *items)).digest()


def next_epoch(
    *, number: int, prior: Secret, shared: bytearray, exchange: bytes, parties: Parties
) -> EpochKeys:
    """The keys of epoch `number` from the prior chain secret and the exchange's shared secrets.

    Wipes `shared`; `prior` is the caller's to wipe once the epoch is proven.
    """
    secret = bytearray(SECRET_BYTES)
    info = pack(PROTOCOL, b"epoch", number.to_bytes(8), *parties.fingerprints, exchange)
    try:
        HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=bytes(prior), info=info).derive_into(
            shared, secret
        )
        return EpochKeys(number, secret, parties)
    finally:
        shared[:] = bytes(len(shared))
        secret[:] = bytes(len(secret))
