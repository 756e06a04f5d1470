"""Messages under one key: the innermost part of sealing and opening.

A Sealer or an Opener holds the cipher of its key, and so a copy of a sub-key outside of secret
memory, and serves one call: making the cipher costs twice what a short message does, so a batch
makes it once.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag

from dynamicrypt.errors import BadCiphertextError, KeyUsedError
from dynamicrypt.keys.envelope import (
    HEAD_BYTES,
    NONCE_PREFIX,
    PREFIX_BYTES,
    TAG_BYTES,
    Aead,
    Header,
)
from dynamicrypt.keys.limits import MAX_MESSAGE_BYTES, MAX_VOLUME
from dynamicrypt.keys.pool_key import HeldKey, Mode, OwnKey, Use

#: Bytes under a key after which it is left.
_FULL: Final = MAX_VOLUME - MAX_MESSAGE_BYTES


class Sealer:
    """Seals messages under one own key, each with the next counter.

    `prefix` and `tail` are what stands before and behind the counter in the header.
    """

    __slots__ = ("_binding", "_cipher", "_prefix", "_tail", "own")

    def __init__(
        self, own: OwnKey, cipher: Aead, prefix: bytes, tail: bytes, binding: bytes
    ) -> None:
        self.own: Final = own
        self._cipher = cipher
        self._prefix = prefix
        self._tail = tail
        self._binding = binding

    def seal(self, plaintext: bytes | bytearray, context: bytes) -> bytes:
        """Return the envelope."""
        own = self.own
        counter = own.counter.to_bytes(4, "big")
        # Whatever happens below, no counter is ever taken twice.
        own.counter += 1
        own.volume += len(plaintext)
        if own.volume > _FULL:
            own.room = 0
        header = self._prefix + counter + self._tail
        associated = header + self._binding + context
        return header + self._cipher.encrypt(NONCE_PREFIX + counter, plaintext, associated)


class Opener:
    """Opens messages under one key of the partner, and takes note of those that opened."""

    __slots__ = ("_binding", "_cipher", "_prefix", "_size", "_use", "held")

    def __init__(self, held: HeldKey, cipher: Aead, header: Header, binding: bytes) -> None:
        self.held: Final = held
        self._cipher = cipher
        self._prefix = header.prefix
        self._size = header.size
        self._use = Use(header.mode, header.limit, header.suite)
        self._binding = binding

    def fits(self, envelope: bytes) -> bool:
        """Tell whether this is another message of mode 1 under the same key."""
        return (
            self._use.mode == Mode.FAST
            and envelope[:PREFIX_BYTES] == self._prefix
            and len(envelope) >= HEAD_BYTES + TAG_BYTES
        )

    def open(self, envelope: bytes, context: bytes) -> bytes:
        """Return the plaintext of an envelope that fits; its key is still to be spent in mode 2.

        Raises BadCiphertextError, or KeyUsedError for a counter that was seen.
        """
        counter = envelope[PREFIX_BYTES:HEAD_BYTES]
        number = int.from_bytes(counter, "big")
        window = self.held.window
        if window is not None and not window.is_fresh(number):
            raise KeyUsedError(
                "it was opened before, or 8192 later ones were: then nobody can tell"
            )
        size = self._size
        associated = envelope[:size] + self._binding + context
        try:
            plaintext = self._cipher.decrypt(NONCE_PREFIX + counter, envelope[size:], associated)
        except InvalidTag:
            raise BadCiphertextError("the message was changed, or the context differs") from None
        if window is None:
            window = self.held.first_use(self._use)
        window.mark(number)
        return plaintext
