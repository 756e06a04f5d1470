"""What applications do with the keys of a channel: messages, streams, and keys themselves."""

from __future__ import annotations

import base64
import binascii
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Final
from weakref import WeakSet

from dynamicrypt._core import system_fill
from dynamicrypt.errors import BadCiphertextError, DynamiCryptError, NoKeyYetError
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.delivery import key_by_id, next_key
from dynamicrypt.keys.envelope import parse
from dynamicrypt.keys.pieces import DEFAULT_PIECES, Gatherer, Splitter
from dynamicrypt.keys.pool_key import Mode
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.keys.stream import StreamOpener, StreamSealer
from dynamicrypt.node.service import SealedMessage

#: Bytes and purpose of a key that an application fetches through the API.
_KEY_BYTES: Final = 32
_REST: Final = b"rest"


class ChannelMessages(ABC):
    """Seals and opens under the keys of a channel; wherever they come from.

    Whoever inherits learns when keys were taken, and says why there are none.
    """

    def __init__(self, cipher: ChannelCipher, seconds: Callable[[], float]) -> None:
        self.cipher: Final = cipher
        self._seconds: Final = seconds
        #: Those that are under way, and some that are over.
        self._streams: WeakSet[StreamSealer | StreamOpener] = WeakSet()
        self._splitter = Splitter(cipher, system_fill)
        self._gatherer = Gatherer(cipher)

    @property
    def store(self) -> KeyStore:
        """The keys."""
        return self.cipher.store

    def seal(
        self,
        plaintext: bytes,
        mode: int,
        context: bytes = b"",
        *,
        limit: int = 0,
        pieces: int = DEFAULT_PIECES,
    ) -> list[bytes]:
        """The envelope of a message; in mode 4, those of its pieces.

        `limit` is n of mode 3. Raises NoKeyYetError, UnsupportedModeError, ParameterError.
        """
        now = self._seconds()
        try:
            if mode == Mode.SPLIT:
                sealed = self._splitter.seal(plaintext, context, now, pieces)
            else:
                sealed = [self.cipher.seal(plaintext, mode, context, now, limit)]
        except NoKeyYetError as error:
            raise self._starved(error) from None
        self._used()
        return sealed

    def open(self, envelope: bytes, context: bytes = b"") -> bytes | None:
        """The plaintext of an envelope; None after a piece while others are missing.

        Raises a leaf that says why it cannot be opened.
        """
        if parse(envelope).mode == Mode.SPLIT:
            return self._gatherer.open(envelope, context, self._seconds())
        return self.cipher.open(envelope, context, self._seconds())

    def seal_batch(
        self, messages: Iterable[tuple[bytes, bytes]], mode: int, limit: int = 0
    ) -> list[bytes | DynamiCryptError]:
        """For each (plaintext, context) its envelope or, in its place, its error."""
        sealed = self.cipher.seal_batch(messages, mode, self._seconds(), limit)
        self._used()
        if self.store.own.free:
            return sealed
        return [self._starved(each) if isinstance(each, NoKeyYetError) else each for each in sealed]

    def open_batch(self, messages: Iterable[tuple[bytes, bytes]]) -> list[bytes | DynamiCryptError]:
        """For each (envelope, context) its plaintext or, in its place, its error."""
        return self.cipher.open_batch(messages, self._seconds())

    @property
    def opens_until(self) -> float:
        """Until when, at least, the partner opens what was sealed last, or fetches the key taken.

        In seconds of the clock that `seconds_to` reads. It holds while both processes and the
        channel live, and until half as many newer keys as StoreLimits.late are made for this side.
        """
        return self.store.own.opens_until

    def seconds_to(self, moment: float) -> int:
        """Whole seconds from now to a moment, rounded down; 0 where it has passed."""
        return max(0, int(moment - self._seconds()))

    def stream_sealer(self, context: bytes = b"") -> StreamSealer:
        """Seals a body of any length; raises NoKeyYetError."""
        try:
            sealer = StreamSealer(self.cipher, context, self._seconds())
        except NoKeyYetError as error:
            raise self._starved(error) from None
        self._streams.add(sealer)
        self._used()
        return sealer

    def stream_opener(self, context: bytes = b"") -> StreamOpener:
        """Opens what a stream sealer made."""
        opener = StreamOpener(self.cipher, context)
        self._streams.add(opener)
        return opener

    def take_key(self) -> tuple[uuid.UUID, bytearray]:
        """A fresh key for the application and its id; the caller wipes it. Raises NoKeyYetError."""
        try:
            key_id, key = next_key(self.store, _KEY_BYTES, _REST, self._seconds())
        except NoKeyYetError as error:
            raise self._starved(error) from None
        self._used()
        return uuid.UUID(bytes=key_id), key

    def fetch_key(self, key_id: uuid.UUID) -> bytearray:
        """The key that the partner's application took, once; the caller wipes it.

        Raises UnknownKeyError, KeyUsedError or KeyExpiredError.
        """
        return key_by_id(self.store, key_id.bytes, _KEY_BYTES, _REST, self._seconds())

    # REST v1.

    def encrypt(self, text: str, mode: int) -> SealedMessage:
        """Seal for the partner; the message is the envelope in base64."""
        envelope, digest = self.cipher.seal_hashed(text.encode(), mode, self._seconds())
        self._used()
        key = str(uuid.UUID(bytes=parse(envelope).key_id))
        return SealedMessage(
            message=base64.b64encode(envelope).decode("ascii"), hash=digest, key=key
        )

    def decrypt(self, message: str, hash_: str, mode: int) -> str:
        """Open what the partner sealed."""
        try:
            envelope = base64.b64decode("".join(message.split()), validate=True)
        except (binascii.Error, ValueError):
            raise BadCiphertextError("the message is not base64") from None
        plaintext = self.cipher.open_hashed(envelope, hash_, mode, self._seconds())
        return plaintext.decode(errors="replace")

    # The keys' end.

    def _expire(self) -> None:
        """Forget keys and pieces that are too old."""
        now = self._seconds()
        self.store.expire(now)
        self._gatherer.expire(now)

    def _end_streams(self) -> None:
        """Wipe the keys of the streams that are under way: what comes next of them fails."""
        for stream in list(self._streams):
            stream.abandon()
        self._streams.clear()

    def _erase(self) -> None:
        """Forget all keys and pieces."""
        self._gatherer.erase()
        self.store.erase()

    @abstractmethod
    def _used(self) -> None:
        """Keys may have been taken."""

    @abstractmethod
    def _starved(self, error: NoKeyYetError) -> NoKeyYetError:
        """The error for an application that finds no key, with the reason if it is known."""
