"""Messages under the keys of a wire 2 channel: modes 1, 2 and 3, singly, hashed and in batches."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Final

from dynamicrypt.errors import (
    BadCiphertextError,
    DynamiCryptError,
    ParameterError,
    UnsupportedModeError,
    WrongChannelError,
)
from dynamicrypt.keys.envelope import Header, Suite, parse, prefix
from dynamicrypt.keys.message import Opener, Sealer
from dynamicrypt.keys.pool_key import UNUSED, HeldKey, Mode, Use
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.keys.subkeys import Subkeys

#: The largest n of mode 3.
MAX_LIMIT: Final = 2**32 - 1
_FAST: Final = int(Mode.FAST)
_SECURE: Final = int(Mode.SECURE)
_COUNTED: Final = int(Mode.COUNTED)
_WHOLE: Final = frozenset({_FAST, _SECURE, _COUNTED})


class ChannelCipher:
    """Sealing and opening under the keys of one channel.

    `role` is that of this node, `binding` stands for the channel in the associated data
    (envelope.channel_binding). `context` is the caller's: a message opens under the same context
    only. Nothing but a message that opened changes the state of a key: a forged or a changed one
    does not spoil the true one. The process must not fork after the first message, or nonces would
    repeat.
    """

    __slots__ = ("_fast", "_secure", "binding", "role", "store", "subkeys", "suite")

    def __init__(
        self, role: int, binding: bytes, store: KeyStore, suite: Suite = Suite.AES_256_GCM
    ) -> None:
        self.role: Final = role
        self.binding: Final = binding
        self.store: Final = store
        self.suite: Final = int(suite)
        self.subkeys: Final = Subkeys(store.cells)
        self._fast = Use(_FAST, 0, self.suite)
        self._secure = Use(_SECURE, 0, self.suite)

    def seal(
        self, plaintext: bytes, mode: int, context: bytes, now: float, limit: int = 0
    ) -> bytes:
        """Return the envelope of a message in mode 1, 2 or 3, the latter with n = `limit`.

        Raises NoKeyYetError; UnsupportedModeError for other modes; ParameterError for an n outside
        1..MAX_LIMIT, or one in another mode.
        """
        sealer = self._sealer(self._use(mode, limit), now)
        try:
            return sealer.seal(plaintext, context)
        finally:
            self._let_go(sealer)

    def seal_hashed(self, plaintext: bytes, mode: int, now: float) -> tuple[bytes, str]:
        """Return the envelope, without a context, and the hash that REST v1 sends along.

        The hash has the shape of the thesis' one, 64 upper-case hex digits, but it is an HMAC over
        the envelope and says nothing about the plaintext. Modes 1 and 2; errors as in `seal`.
        """
        sealer = self._sealer(self._use(mode, 0), now)
        try:
            sealed = sealer.seal(plaintext, b"")
            return sealed, self.subkeys.hash(sealer.own, self.suite, self.role, sealed)
        finally:
            self._let_go(sealer)

    def seal_batch(
        self, messages: Iterable[tuple[bytes, bytes]], mode: int, now: float, limit: int = 0
    ) -> list[bytes | DynamiCryptError]:
        """Return for each (plaintext, context) its envelope or, in its place, its error.

        Errors as in `seal`; a mode or an n that is wrong for all is raised.
        """
        use = self._use(mode, limit)
        results: list[bytes | DynamiCryptError] = []
        sealer: Sealer | None = None
        eldest = now
        for plaintext, context in messages:
            try:
                if sealer is None or sealer.own.counter >= sealer.own.room:
                    sealer = self._sealer(use, now)
                    eldest = min(eldest, sealer.own.born)
                results.append(sealer.seal(plaintext, context))
            except DynamiCryptError as error:
                results.append(error)
            finally:
                if sealer is not None and mode == _SECURE:
                    self._let_go(sealer)
                    sealer = None
        self.store.own.eldest = eldest
        return results

    def open(self, envelope: bytes, context: bytes, now: float) -> bytes:
        """Return the plaintext of an envelope of mode 1, 2 or 3.

        Raises BadCiphertextError, KeyUsedError, KeyExpiredError, UnknownKeyError,
        WrongChannelError for one that this side sealed, or UnsupportedModeError for pieces and
        streams, which have their own ways in.
        """
        opener = self._opener(parse(envelope), now)
        plaintext = opener.open(envelope, context)
        self._opened(opener.held, now)
        return plaintext

    def open_hashed(self, envelope: bytes, hash_: str, mode: int, now: float) -> bytes:
        """Return the plaintext of what `seal_hashed` made; errors as in `open`.

        BadCiphertextError also where the hash or the mode does not fit.
        """
        header = parse(envelope)
        opener = self._opener(header, now)
        expected = self.subkeys.hash(opener.held, header.suite, header.direction, envelope)
        if not hmac.compare_digest(expected.encode("ascii"), hash_.encode("utf-8", "replace")):
            raise BadCiphertextError("the hash does not fit the message")
        if header.mode != mode:
            raise BadCiphertextError("the message was sealed in another mode")
        plaintext = opener.open(envelope, b"")
        self._opened(opener.held, now)
        return plaintext

    def open_batch(
        self, messages: Iterable[tuple[bytes, bytes]], now: float
    ) -> list[bytes | DynamiCryptError]:
        """Return for each (envelope, context) its plaintext or, in its place, its error."""
        results: list[bytes | DynamiCryptError] = []
        opener: Opener | None = None
        for envelope, context in messages:
            try:
                if opener is None or not opener.fits(envelope):
                    opener = self._opener(parse(envelope), now)
                plaintext = opener.open(envelope, context)
                self._opened(opener.held, now)
                results.append(plaintext)
            except DynamiCryptError as error:
                results.append(error)
        return results

    def incoming(self, header: Header, now: float) -> HeldKey:
        """Return the key of a header that the partner sealed; errors as in `open`."""
        if header.direction == self.role:
            raise WrongChannelError("the message was sealed on this side")
        held = self.store.held.find(header.key_id, now, header.counter)
        if held.use not in (UNUSED, (header.mode, header.limit, header.suite)):
            raise BadCiphertextError("the key serves another mode")
        return held

    def _use(self, mode: int, limit: int) -> Use:
        if mode == _COUNTED:
            if not 1 <= limit <= MAX_LIMIT:
                raise ParameterError(f"n is {limit}, not in 1..{MAX_LIMIT}")
            return Use(_COUNTED, limit, self.suite)
        if mode not in _WHOLE:
            raise UnsupportedModeError("a message has mode 1, 2 or 3")
        if limit:
            raise ParameterError("only mode 3 has an n")
        return self._fast if mode == _FAST else self._secure

    def _sealer(self, use: Use, now: float) -> Sealer:
        if use.mode == _SECURE:
            (own,) = self.store.own.take(use, 1, now)
            cipher = self.subkeys.once(own, self.suite, self.role)
        else:
            own = self.store.own.share(use, now)
            cipher = self.subkeys.kept(own, self.suite, self.role)
        tail = use.limit.to_bytes(4, "big") if use.mode == _COUNTED else b""
        head = prefix(self.suite, use.mode, self.role, own.key_id)
        return Sealer(own, cipher, head, tail, self.binding)

    def _let_go(self, sealer: Sealer) -> None:
        if sealer.own.use.mode == _SECURE:
            sealer.own.wipe(self.store.cells)

    def _opener(self, header: Header, now: float) -> Opener:
        if header.mode not in _WHOLE:
            raise UnsupportedModeError("this is a piece or a stream, not a whole message")
        held = self.incoming(header, now)
        cipher_of = self.subkeys.once if held.window is None else self.subkeys.kept
        cipher = cipher_of(held, header.suite, header.direction)
        return Opener(held, cipher, header, self.binding)

    def _opened(self, held: HeldKey, now: float) -> None:
        if held.used_up:
            self.store.held.spend(held, now)
