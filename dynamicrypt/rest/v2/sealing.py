"""Messages and keys of a channel, from the shapes of REST v2 and back."""

from __future__ import annotations

import uuid

from dynamicrypt.errors import ParameterError
from dynamicrypt.keys.cipher import MAX_LIMIT
from dynamicrypt.keys.pieces import DEFAULT_PIECES
from dynamicrypt.keys.pool_key import Mode
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.rest.shapes.messages import (
    DeliveredKey,
    Encrypt,
    FreshKey,
    Piece,
    Sealed,
    Split,
)
from dynamicrypt.web.schema import to_base64


def seal(channel: LinkChannel, asked: Encrypt) -> Sealed | Split:
    """The ciphertext; raises NoKeyYetError, ParameterError for numbers that its mode lacks."""
    mode = asked.mode
    check_numbers(mode, asked.limit, asked.pieces)
    if mode != Mode.SPLIT:
        (envelope,) = channel.seal(asked.plaintext, mode, asked.context, limit=asked.limit)
        return Sealed(
            mode=mode,
            key_id=_key_id(envelope),
            ciphertext=to_base64(envelope),
            expires_in_seconds=channel.seconds_to(channel.opens_until),
        )
    envelopes = channel.seal(
        asked.plaintext, mode, asked.context, pieces=asked.pieces or DEFAULT_PIECES
    )
    return Split(
        mode=mode,
        pieces=[Piece(key_id=_key_id(each), ciphertext=to_base64(each)) for each in envelopes],
        expires_in_seconds=channel.seconds_to(channel.opens_until),
    )


def check_numbers(mode: int, limit: int, pieces: int = 0) -> None:
    """Raise ParameterError for a number that the mode lacks or does not have."""
    if mode == Mode.COUNTED and not limit:
        raise ParameterError(f"mode 3 needs a `limit`, 1 to {MAX_LIMIT}")
    if limit and mode != Mode.COUNTED:
        raise ParameterError("only mode 3 has a `limit`")
    if pieces and mode != Mode.SPLIT:
        raise ParameterError("only mode 4 has `pieces`")


def _key_id(envelope: bytes) -> str:
    """The id of an envelope's key as a UUID; `uuid` takes four times as long."""
    text = envelope[4:20].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def take_key(channel: LinkChannel) -> FreshKey:
    """A fresh key; raises NoKeyYetError."""
    key_id, key = channel.take_key()
    return FreshKey(
        key_id=str(key_id),
        key=write_key(key),
        expires_in_seconds=channel.seconds_to(channel.opens_until),
    )


def fetch_key(channel: LinkChannel, key_id: uuid.UUID) -> DeliveredKey:
    """The key that the partner's application took; raises as `fetch_key` of the channel."""
    return DeliveredKey(key_id=str(key_id), key=write_key(channel.fetch_key(key_id)))


def write_key(key: bytearray) -> str:
    """The key as it is answered; the bytes that are given are wiped."""
    try:
        return to_base64(key)
    finally:
        key[:] = bytes(len(key))
