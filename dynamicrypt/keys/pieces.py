"""Mode 4: a message in pieces, of which fewer than all are worthless.

The message is sealed under a data key that is the XOR of p random shares. Piece i carries share i
and the i-th slice of the sealed message, and is itself sealed under a key of its own. Who lacks one
piece, or the key of one piece, lacks a share: the data key is then uniform to him, whatever he
computes (n-out-of-n secret sharing; Shamir 1979 opens with it).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag

from dynamicrypt.errors import (
    BadCiphertextError,
    ParameterError,
    TooManyPiecesError,
    UnsupportedModeError,
)
from dynamicrypt.keys.cells import KEY_BYTES, KeyCells
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.envelope import (
    MAX_PIECES,
    MESSAGE_ID_BYTES,
    MIN_PIECES,
    NONCE_BYTES,
    TAG_BYTES,
    Header,
    aead,
    nonce,
    parse,
)
from dynamicrypt.keys.message import Sealer
from dynamicrypt.keys.pool_key import HeldKey, Mode, OwnKey, Use
from dynamicrypt.keys.schedule import PROTOCOL, pack

#: Fills the buffer with random bytes.
Fill = Callable[[memoryview], object]

#: Two pieces already make each alone worthless; three still do when one way and one key are lost
#: together. Each further piece costs a key and adds nothing but one more way to watch.
DEFAULT_PIECES: Final = 3
#: Messages of which pieces may be missing at once, and the bytes that their slices may take. Room
#: is made for a whole message when its first piece comes: else the first pieces of many could fill
#: it, and none of them ever be completed.
MAX_GATHERINGS: Final = 64
MAX_GATHERED_BYTES: Final = 16 * 2**20
#: The data key serves one message.
_NONCE: Final = bytes(NONCE_BYTES)


def _associated(header: Header, binding: bytes, context: bytes) -> bytes:
    """What the data key's cipher authenticates: what all pieces have in common."""
    fields = (header.message_id, bytes([header.pieces, header.suite, header.direction]), binding)
    return pack(PROTOCOL, b"envelope split", *fields) + context


def _xor(cells: KeyCells, total: int, share: int) -> None:
    """Add a share to the data key, without a copy on the heap."""
    into = np.frombuffer(cells.view(total), dtype=np.uint8)
    np.bitwise_xor(into, np.frombuffer(cells.view(share), dtype=np.uint8), out=into)


class Splitter:
    """Seals messages in pieces. `fill` is a cryptographic random generator."""

    __slots__ = ("_cipher", "_fill")

    def __init__(self, cipher: ChannelCipher, fill: Fill) -> None:
        self._cipher = cipher
        self._fill = fill

    def seal(
        self, plaintext: bytes, context: bytes, now: float, pieces: int = DEFAULT_PIECES
    ) -> list[bytes]:
        """Return the envelopes of the pieces, each under a key of its own.

        They may be sent apart and opened in any order. Raises ParameterError for a number outside
        MIN_PIECES..MAX_PIECES, and NoKeyYetError, using none, where there are fewer keys.
        """
        if not MIN_PIECES <= pieces <= MAX_PIECES:
            raise ParameterError(f"{pieces} pieces, not in {MIN_PIECES}..{MAX_PIECES}")
        cipher, cells = self._cipher, self._cipher.store.cells
        own_keys = cipher.store.own.take(Use(Mode.SPLIT, 0, cipher.suite), pieces, now)
        secrets: list[int] = []
        try:
            secrets.extend(cells.put(bytes(KEY_BYTES)) for _ in range(pieces + 1))
            return self._seal(plaintext, context, own_keys, secrets)
        finally:
            for cell in secrets:
                cells.wipe(cell)
            for own in own_keys:
                own.wipe(cells)

    def _seal(
        self, plaintext: bytes, context: bytes, own_keys: list[OwnKey], secrets: list[int]
    ) -> list[bytes]:
        cipher, cells = self._cipher, self._cipher.store.cells
        total, *shares = secrets
        for share in shares:
            self._fill(cells.view(share))
            _xor(cells, total, share)
        message_id = bytearray(MESSAGE_ID_BYTES)
        self._fill(memoryview(message_id))
        header = Header(
            cipher.suite,
            Mode.SPLIT,
            cipher.role,
            own_keys[0].key_id,
            message_id=bytes(message_id),
            pieces=len(shares),
        )
        associated = _associated(header, cipher.binding, context)
        body = aead(cipher.suite, cells.view(total)).encrypt(_NONCE, plaintext, associated)
        sealed = []
        for piece, (own, share) in enumerate(zip(own_keys, shares, strict=True)):
            begin, end = (len(body) * at // len(shares) for at in (piece, piece + 1))
            content = bytearray(KEY_BYTES + end - begin)
            content[:KEY_BYTES] = cells.view(share)
            content[KEY_BYTES:] = body[begin:end]
            head = header._replace(key_id=own.key_id, piece=piece)
            aead_of_piece = cipher.subkeys.once(own, cipher.suite, cipher.role)
            sealer = Sealer(own, aead_of_piece, head.prefix, head.tail, cipher.binding)
            sealed.append(sealer.seal(content, context))
            content[:] = bytes(len(content))
        return sealed


class _Gathering:
    """The pieces of one message that are there: shares in secret memory, slices in clear.

    A slice is ciphertext; nobody who lacks a share can open it.
    """

    __slots__ = ("begun", "largest", "pieces", "shares", "slices")

    def __init__(self, pieces: int, size: int, now: float) -> None:
        self.pieces: Final = pieces
        #: The most bytes of a slice: those of one message differ by one at most.
        self.largest: Final = size + 1
        self.begun: Final = now
        self.shares: dict[int, int] = {}
        self.slices: dict[int, bytes] = {}

    @property
    def room(self) -> int:
        """The most bytes that all slices take."""
        return self.pieces * self.largest


class Gatherer:
    """Opens pieces and puts messages together, in bounded memory."""

    __slots__ = ("_cipher", "_gatherings", "_volume")

    def __init__(self, cipher: ChannelCipher) -> None:
        self._cipher = cipher
        self._gatherings: dict[bytes, _Gathering] = {}
        self._volume = 0

    def __len__(self) -> int:
        """Return of how many messages pieces are missing."""
        return len(self._gatherings)

    def open(self, envelope: bytes, context: bytes, now: float) -> bytes | None:
        """Open one piece; return the message if it was the last that was missing, else None.

        Raises as ChannelCipher.open does, and TooManyPiecesError, before the first piece of a
        message is used, where too much is waiting already. A message whose pieces do not all come
        within the time that keys are held is forgotten.
        """
        header = parse(envelope)
        if header.mode != Mode.SPLIT:
            raise UnsupportedModeError("this is no piece")
        self.expire(now)
        held = self._cipher.incoming(header, now)
        size = len(envelope) - header.size - TAG_BYTES - KEY_BYTES
        if size < 0:
            raise BadCiphertextError("the piece has no share")
        gathering = self._gatherings.get(header.message_id)
        if gathering is None:
            gathering = self._begin(header.pieces, size, now)
        elif (
            gathering.pieces != header.pieces
            or header.piece in gathering.shares
            or size > gathering.largest
        ):
            raise BadCiphertextError("the piece does not belong to this message")
        self._open_piece(gathering, held, header, envelope, context)
        self._cipher.store.held.spend(held, now)
        if header.message_id not in self._gatherings:
            self._gatherings[header.message_id] = gathering
            self._volume += gathering.room
        if len(gathering.shares) < gathering.pieces:
            return None
        try:
            return self._join(gathering, header, context)
        finally:
            self._drop(header.message_id)

    def expire(self, now: float) -> None:
        """Forget messages whose missing pieces cannot come any more."""
        first = now - self._cipher.store.limits.held_time
        while self._gatherings:
            message_id, gathering = next(iter(self._gatherings.items()))
            if gathering.begun > first:
                break
            self._drop(message_id)

    def erase(self) -> None:
        """Wipe what was gathered."""
        for message_id in list(self._gatherings):
            self._drop(message_id)

    def _begin(self, pieces: int, size: int, now: float) -> _Gathering:
        gathering = _Gathering(pieces, size, now)
        if len(self._gatherings) >= MAX_GATHERINGS:
            raise TooManyPiecesError(f"{MAX_GATHERINGS} messages wait for pieces")
        if self._volume + gathering.room > MAX_GATHERED_BYTES:
            raise TooManyPiecesError(f"messages of {self._volume} bytes wait for pieces")
        return gathering

    def _open_piece(
        self,
        gathering: _Gathering,
        held: HeldKey,
        header: Header,
        envelope: bytes,
        context: bytes,
    ) -> None:
        size = header.size
        clear = envelope[:size]
        content = bytearray(len(envelope) - size - TAG_BYTES)
        cipher = self._cipher.subkeys.once(held, header.suite, header.direction)
        associated = clear + self._cipher.binding + context
        with memoryview(content) as view:
            try:
                cipher.decrypt_into(nonce(clear), envelope[size:], associated, view)
                gathering.shares[header.piece] = self._cipher.store.cells.put(view[:KEY_BYTES])
                gathering.slices[header.piece] = bytes(view[KEY_BYTES:])
            except InvalidTag:
                raise BadCiphertextError("the piece was changed, or the context differs") from None
            finally:
                # A wrong tag shows only when all is decrypted: the share may be the true one.
                view[:KEY_BYTES] = bytes(KEY_BYTES)

    def _join(self, gathering: _Gathering, header: Header, context: bytes) -> bytes:
        cells = self._cipher.store.cells
        total = cells.put(bytes(KEY_BYTES))
        for share in gathering.shares.values():
            _xor(cells, total, share)
        body = b"".join(gathering.slices[piece] for piece in range(gathering.pieces))
        associated = _associated(header, self._cipher.binding, context)
        try:
            return aead(header.suite, cells.view(total)).decrypt(_NONCE, body, associated)
        except InvalidTag:
            raise BadCiphertextError("the pieces do not fit together") from None
        finally:
            cells.wipe(total)

    def _drop(self, message_id: bytes) -> None:
        gathering = self._gatherings.pop(message_id)
        self._volume -= gathering.room
        for share in gathering.shares.values():
            self._cipher.store.cells.wipe(share)
