"""Keys that are handed to applications themselves (getKey of the thesis; ETSI GS QKD 014)."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from dynamicrypt.errors import KeyUsedError, ParameterError
from dynamicrypt.keys.pool_key import UNUSED, Mode, PoolKey, Use
from dynamicrypt.keys.schedule import PROTOCOL, pack
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.keys.tombstones import Fate

#: Sizes in bytes. Whatever the size, a delivered key has the strength of 256 bits at most.
MIN_BYTES: Final = 8
MAX_BYTES: Final = 512


def next_key(store: KeyStore, size: int, purpose: bytes, now: float) -> tuple[bytes, bytearray]:
    """Return the id and the bytes of a fresh key of this side, which is then used up.

    `purpose` says who asks, as in `key_by_id`; keys for two purposes or of two sizes have nothing
    in common. The caller wipes the key. Raises NoKeyYetError, and ParameterError for a size
    outside MIN_BYTES..MAX_BYTES.
    """
    _check(size)
    (own,) = store.own.take(Use(Mode.DELIVERY), 1, now)
    try:
        return own.key_id, _expand(store, own, size, purpose)
    finally:
        own.wipe(store.cells)


def key_by_id(store: KeyStore, key_id: bytes, size: int, purpose: bytes, now: float) -> bytearray:
    """Return the key that the partner's application got by `next_key`, which is then used up.

    Size and purpose must be those that were given there: both sides get them by the binding that
    crosses the link, for a key of another size would simply be another one. The caller wipes the
    key. Raises KeyUsedError, KeyExpiredError, UnknownKeyError or ParameterError.
    """
    _check(size)
    held = store.held.find(key_id, now)
    if held.use != UNUSED:
        raise KeyUsedError("the key serves for messages")
    try:
        return _expand(store, held, size, purpose)
    finally:
        store.held.spend(held, now, Fate.DELIVERED)


def _check(size: int) -> None:
    if not MIN_BYTES <= size <= MAX_BYTES:
        raise ParameterError(f"a key of {size} bytes, not of {MIN_BYTES}..{MAX_BYTES}")


def _expand(store: KeyStore, key: PoolKey, size: int, purpose: bytes) -> bytearray:
    out = bytearray(size)
    info = pack(PROTOCOL, b"delivery", purpose, size.to_bytes(2, "big"))
    HKDFExpand(SHA256(), size, info).derive_into(store.cells.view(key.cell), out)
    return out
