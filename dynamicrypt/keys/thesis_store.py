"""The key store of a wire 1 channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dynamicrypt.errors import (
    BadCiphertextError,
    NoKeyYetError,
    ParameterError,
    ProtocolStateError,
    UnsupportedModeError,
)
from dynamicrypt.keys import thesis
from dynamicrypt.keys.cells import KeyCells

#: At a few keys a second, the keys of the last ten seconds or more.
DEFAULT_CAPACITY: Final = 64
#: Mode 1, fast: the newest key, again and again.
FAST: Final = 1
#: Mode 2, secure: one key, one message.
SECURE: Final = 2


@dataclass(frozen=True, slots=True)
class KeyRef:
    """Which key: the connection of this channel, counted from 1, and the number of the key."""

    connection: int
    number: int


@dataclass(slots=True)
class _Key:
    cell: int
    sendable: bool = False
    reused: bool = False


class ThesisKeyStore:
    """The last keys of a channel; the oldest is dropped when a new one would exceed `capacity`.

    Every stored key decrypts. For sending, the dialler takes keys with even and the listener keys
    with odd numbers, so that both may send at once and never under the same key; only keys of the
    present connection that were confirmed are taken, because only those does the partner surely
    hold. A key that mode 1 has used is never taken for mode 2.
    """

    __slots__ = ("_capacity", "_cells", "_connection", "_keys", "_last", "_parity")

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._capacity = capacity
        self._cells = KeyCells()
        self._keys: dict[KeyRef, _Key] = {}
        self._connection = 0
        self._parity = 0
        self._last = -1

    def __len__(self) -> int:
        return len(self._keys)

    def new_connection(self, dialler: bool) -> None:
        """Start a numbering of its own; keys of former connections decrypt, but send no more."""
        self._connection += 1
        self._parity = 0 if dialler else 1
        self._last = -1
        for key in self._keys.values():
            key.sendable = False

    def hold(self, number: int, key_string: bytes | bytearray | memoryview) -> None:
        """Store a key that the partner may not have yet: it decrypts, but is not sent under.

        Numbers ascend on a connection; ParameterError where this one does not.
        """
        if not self._connection:
            raise ProtocolStateError("the channel never had a connection")
        ref = KeyRef(self._connection, number)
        if number <= self._last:
            raise ParameterError(f"key number {number} does not follow number {self._last}")
        self._last = number
        folded = thesis.fold(key_string)
        if len(self._keys) == self._capacity:
            self._erase(next(iter(self._keys)))
        self._keys[ref] = _Key(self._cells.put(folded))
        folded[:] = bytes(len(folded))

    def confirm(self, number: int) -> None:
        """The partner holds key `number` of this connection too: it may be sent under."""
        key = self._keys.get(KeyRef(self._connection, number))
        if key is not None:
            key.sendable = True

    def encrypt(self, plaintext: bytes, mode: int) -> tuple[str, str, KeyRef]:
        """Return the message, its hash and the key that was taken.

        Both modes take the newest key that they may: an old one, at the partner, is nearest to
        being dropped. Mode 2 erases its key. Raises NoKeyYetError where there is no such key and
        UnsupportedModeError for other modes than 1 and 2.
        """
        _check(mode)
        for ref in self._newest_first():
            key = self._keys[ref]
            if (
                key.sendable
                and ref.number % 2 == self._parity
                and not (mode == SECURE and key.reused)
            ):
                break
        else:
            raise NoKeyYetError("no key of this side is ready")
        message = thesis.encrypt(self._cells.view(key.cell), plaintext)
        if mode == SECURE:
            self._erase(ref)
        else:
            key.reused = True
        return message, thesis.digest(plaintext), ref

    def decrypt(self, message: str, hash_: str, mode: int) -> bytes:
        """Return the plaintext, under whichever stored key fits.

        Mode 2 erases that key; a message of mode 1 opens repeatedly. Raises NoKeyYetError while
        there is no key at all, BadCiphertextError where none fits and UnsupportedModeError for
        other modes than 1 and 2.
        """
        _check(mode)
        if not self._keys:
            raise NoKeyYetError("the channel has no keys")
        ciphertext = thesis.decode(message)
        for ref in self._newest_first():
            key = self._keys[ref]
            plaintext = thesis.decrypt(self._cells.view(key.cell), ciphertext, hash_)
            if plaintext is not None:
                if mode == SECURE:
                    self._erase(ref)
                else:
                    key.reused = True
                return plaintext
        raise BadCiphertextError("no stored key opens the message")

    def erase(self) -> None:
        """Wipe every key."""
        for ref in list(self._keys):
            self._erase(ref)

    def _newest_first(self) -> Iterator[KeyRef]:
        return reversed(self._keys)

    def _erase(self, ref: KeyRef) -> None:
        self._cells.wipe(self._keys.pop(ref).cell)


def _check(mode: int) -> None:
    if mode not in {FAST, SECURE}:
        raise UnsupportedModeError("a channel of wire 1 has modes 1 and 2")
