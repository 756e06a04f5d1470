"""Sub-keys of pool keys, expanded in secret memory."""

from __future__ import annotations

import hmac
from typing import Final

from dynamicrypt.keys.cells import KEY_BYTES, KeyCells
from dynamicrypt.keys.envelope import Aead, Purpose, aead, expand
from dynamicrypt.keys.pool_key import PoolKey

_ZEROS: Final = bytes(KEY_BYTES)


class Subkeys:
    """What is computed under the sub-keys of the keys that lie in `cells`.

    A cipher holds copies of its sub-key outside of secret memory and wipes them when it is
    dropped: use it and let it go.
    """

    __slots__ = ("_cells", "_scratch")

    def __init__(self, cells: KeyCells) -> None:
        self._cells = cells
        # Sub-keys that serve once are expanded here.
        self._scratch = cells.put(_ZEROS)

    def once(self, key: PoolKey, suite: int, direction: int) -> Aead:
        """Return the message cipher of a key; nothing of it is kept."""
        scratch = self._expand(key, Purpose.MESSAGE, suite, direction)
        cipher = aead(suite, scratch)
        scratch[:] = _ZEROS
        return cipher

    def kept(self, key: PoolKey, suite: int, direction: int) -> Aead:
        """Return the message cipher of a key; its sub-key stays in the key for the next time."""
        if key.subkey < 0:
            key.subkey = self.cell(key, Purpose.MESSAGE, suite, direction)
        return aead(suite, self._cells.view(key.subkey))

    def hash(self, key: PoolKey, suite: int, direction: int, envelope: bytes) -> str:
        """Return the hash of REST v1: HMAC-SHA-256 of the envelope in upper-case hex."""
        scratch = self._expand(key, Purpose.HASH, suite, direction)
        digest = hmac.digest(scratch, envelope, "sha256")
        scratch[:] = _ZEROS
        return digest.hex().upper()

    def cell(self, key: PoolKey, purpose: bytes, suite: int, direction: int) -> int:
        """Return a new cell with a sub-key; the caller wipes it."""
        scratch = self._expand(key, purpose, suite, direction)
        cell = self._cells.put(scratch)
        scratch[:] = _ZEROS
        return cell

    def _expand(self, key: PoolKey, purpose: bytes, suite: int, direction: int) -> memoryview:
        view = self._cells.view
        scratch = view(self._scratch)
        expand(view(key.cell), purpose, suite, direction, scratch)
        return scratch
