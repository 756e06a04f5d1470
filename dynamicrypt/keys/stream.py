"""Bodies of any length under one key, in constant memory (docs/envelope.md, "Streams").

A stream is a header and chunks, sealed one by one with their number and a mark on the last one in
the nonce (the STREAM construction; Hoang, Reyhanitabar, Rogaway, Vizar 2015), so chunks can be
neither changed nor lost, doubled, moved or cut off at the end without notice.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag

from dynamicrypt.errors import (
    BadCiphertextError,
    DynamiCryptError,
    KeyUsedError,
    MessageTooLargeError,
    ProtocolStateError,
    UnsupportedModeError,
)
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.envelope import HEAD_BYTES, TAG_BYTES, Aead, Header, Purpose, aead, parse
from dynamicrypt.keys.limits import MAX_VOLUME
from dynamicrypt.keys.pool_key import HeldKey, Mode, Use

#: Plaintext of every chunk but the last: large enough that tags and calls cost little.
CHUNK_BYTES: Final = 65536
_MAX_CHUNKS: Final = MAX_VOLUME // CHUNK_BYTES
_SEALED_BYTES: Final = CHUNK_BYTES + TAG_BYTES


class _Chunks:
    """The chunks of one stream: its sub-key, its associated data and the number of the next one."""

    __slots__ = ("_associated", "_cell", "_cells", "_number", "_suite")

    def __init__(self, cipher: ChannelCipher, cell: int, header: Header, context: bytes) -> None:
        self._cells = cipher.store.cells
        self._cell = cell
        self._suite = header.suite
        self._associated = header.encode() + cipher.binding + context
        self._number = 0

    def seal(self, chunk: bytes, *, last: bool) -> bytes:
        """Return the next chunk, sealed."""
        if self._number >= _MAX_CHUNKS:
            raise MessageTooLargeError(f"a stream has {MAX_VOLUME} bytes at most")
        sealed = self._aead().encrypt(self._nonce(last), chunk, self._associated)
        self._number += 1
        return sealed

    def open(self, chunk: bytes, *, last: bool) -> bytes:
        """Return the plaintext of the next chunk, or raise BadCiphertextError."""
        if self._number >= _MAX_CHUNKS:
            raise BadCiphertextError(f"the stream has more than {MAX_VOLUME} bytes")
        try:
            plaintext = self._aead().decrypt(self._nonce(last), chunk, self._associated)
        except InvalidTag:
            raise BadCiphertextError("a chunk was changed, moved or lost") from None
        if last and not plaintext and self._number:
            # A body has one form only: nothing but an empty one ends with an empty chunk.
            raise BadCiphertextError("the stream ends with an empty chunk")
        self._number += 1
        return plaintext

    def wipe(self) -> None:
        """Overwrite the sub-key; the stream is over."""
        if self._cell >= 0:
            self._cells.wipe(self._cell)
            self._cell = -1

    def _aead(self) -> Aead:
        if self._cell < 0:
            raise ProtocolStateError("the stream is over")
        return aead(self._suite, self._cells.view(self._cell))

    def _nonce(self, last: bool) -> bytes:
        return bytes(7) + self._number.to_bytes(4, "big") + bytes([last])


class _Pending:
    """The bytes that wait for more: one chunk at most, for it may be the last.

    They stay what they came as, bytes objects, which a hardened process overwrites when they are
    freed. A buffer that grows and is cut would leave copies behind.
    """

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, data: bytes) -> None:
        """Let these wait, too."""
        self._parts.append(data)
        self._size += len(data)

    def cut(self, size: int) -> list[bytes]:
        """Remove and return whole chunks of this size, all but what may be the last."""
        if len(self) <= size:
            return []
        data = self.take()
        whole = (len(data) - 1) // size * size
        self.add(data[whole:])
        return [data[at : at + size] for at in range(0, whole, size)]

    def take(self) -> bytes:
        """Remove and return everything."""
        parts, self._parts, self._size = self._parts, [], 0
        return b"".join(parts)


class StreamSealer:
    """Seals a body under one key: send `header`, what each `update` returns, and `finish`.

    Raises NoKeyYetError when it is made. A sealer that is not finished must be abandoned.
    """

    __slots__ = ("__weakref__", "_chunks", "_pending", "header", "opens_until")

    def __init__(self, cipher: ChannelCipher, context: bytes, now: float) -> None:
        (own,) = cipher.store.own.take(Use(Mode.STREAM, 0, cipher.suite), 1, now)
        try:
            cell = cipher.subkeys.cell(own, Purpose.STREAM, cipher.suite, cipher.role)
        finally:
            own.wipe(cipher.store.cells)
        header = Header(cipher.suite, Mode.STREAM, cipher.role, own.key_id)
        self._chunks = _Chunks(cipher, cell, header, context)
        self._pending = _Pending()
        #: The first bytes of the stream.
        self.header: Final = header.encode()
        #: Until when, at least, the partner can begin to open it (OwnHalf.opens_until).
        self.opens_until: Final = cipher.store.own.opens_until

    def update(self, data: bytes) -> bytes:
        """Take more of the body; return the chunks that are full.

        Raises MessageTooLargeError for a body of more than MAX_VOLUME bytes.
        """
        self._pending.add(data)
        chunks = self._pending.cut(CHUNK_BYTES)
        return b"".join([self._chunks.seal(chunk, last=False) for chunk in chunks])

    def finish(self) -> bytes:
        """Return the last chunk and wipe the key."""
        try:
            return self._chunks.seal(self._pending.take(), last=True)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Wipe the key and what waits."""
        self._chunks.wipe()
        self._pending.take()


class StreamOpener:
    """Opens a stream: what the updates and `finish` return is its body.

    A part comes out as soon as it is verified, in its right place; whether the body is whole only
    `finish` can tell. The first chunk that opens fixes what the key is for, the last one uses it
    up. So a stream is whole once, of however many openers at a time, and one that broke off opens
    from its start again while its key is held. Any error ends the opener.
    """

    __slots__ = ("__weakref__", "_chunks", "_cipher", "_context", "_held", "_over", "_pending")

    def __init__(self, cipher: ChannelCipher, context: bytes) -> None:
        self._cipher = cipher
        self._context = context
        self._chunks: _Chunks | None = None
        self._held: HeldKey | None = None
        self._pending = _Pending()
        self._over = False

    def update(self, data: bytes, now: float) -> bytes:
        """Take more of the stream; return the plaintext of the chunks that are complete.

        Raises as ChannelCipher.open does, and ProtocolStateError once the stream is over.
        """
        self._go_on()
        self._pending.add(data)
        try:
            return self._take(now)
        except DynamiCryptError:
            self.abandon()
            raise

    def finish(self, now: float) -> bytes:
        """Return the last part of the body, and use the key up.

        Raises BadCiphertextError if the end is missing, and KeyUsedError where another opener was
        faster: then this one's body is not to be used.
        """
        self._go_on()
        try:
            if self._chunks is None:
                plaintext = self._begin(self._pending.take(), last=True, now=now)[1]
            else:
                plaintext = self._chunks.open(self._pending.take(), last=True)
            self._use_up(now)
            return plaintext
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Wipe the key."""
        self._over = True
        if self._chunks is not None:
            self._chunks.wipe()
        self._pending.take()

    def _go_on(self) -> None:
        if self._over:
            raise ProtocolStateError("the stream is over")

    def _take(self, now: float) -> bytes:
        plaintext = b""
        chunks = self._chunks
        if chunks is None:
            if len(self._pending) <= HEAD_BYTES + _SEALED_BYTES:
                return b""
            stream = self._pending.take()
            self._pending.add(stream[HEAD_BYTES + _SEALED_BYTES :])
            chunks, plaintext = self._begin(
                stream[: HEAD_BYTES + _SEALED_BYTES], last=False, now=now
            )
        rest = self._pending.cut(_SEALED_BYTES)
        return plaintext + b"".join([chunks.open(chunk, last=False) for chunk in rest])

    def _begin(self, stream: bytes, *, last: bool, now: float) -> tuple[_Chunks, bytes]:
        header = parse(stream)
        if header.mode != Mode.STREAM:
            raise UnsupportedModeError("this is no stream")
        held = self._cipher.incoming(header, now)
        cell = self._cipher.subkeys.cell(held, Purpose.STREAM, header.suite, header.direction)
        self._chunks = chunks = _Chunks(self._cipher, cell, header, self._context)
        plaintext = chunks.open(stream[HEAD_BYTES:], last=last)
        if held.window is None:
            held.first_use(Use(Mode.STREAM, 0, header.suite))
        self._held = held
        return chunks, plaintext

    def _use_up(self, now: float) -> None:
        """Take note that the stream was opened whole; its key may have expired meanwhile."""
        held = self._held
        assert held is not None, "the first chunk has opened"
        window = held.window
        assert window is not None, "its use is fixed"
        if not window.is_fresh(0):
            raise KeyUsedError("it was opened whole meanwhile, by another request")
        window.mark(0)
        self._cipher.store.held.spend(held, now)
