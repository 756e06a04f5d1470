"""The JSON shapes of messages, streams and keys.

openapi.json and the parser are both made from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from dynamicrypt.errors import UnsupportedModeError
from dynamicrypt.keys.cipher import MAX_LIMIT
from dynamicrypt.keys.envelope import MIN_PIECES
from dynamicrypt.keys.pieces import DEFAULT_PIECES
from dynamicrypt.keys.pool_key import Mode
from dynamicrypt.rest.shapes.problem import Problem
from dynamicrypt.web.schema import Base64, Base64Out, Items, Length, OneOf, Range

#: Items of one batch.
MAX_BATCH: Final = 256
#: Pieces of one message: all their keys must be ready at once, of the 56 that a channel stores.
MAX_PIECES: Final = 32
#: Bytes of the caller's context, and characters of the caller's reference to an item.
MAX_CONTEXT: Final = 4096
MAX_REFERENCE: Final = 256

_CONTEXT: Final = {"about": "Bytes that must be given again, and equal, to decrypt."}
_MODE: Final = {
    "about": "1: the newest key, again and again. 2: a key for this message alone. 3: a key for at"
    " most `limit` messages. 4: `pieces` pieces, each under a key of its own."
}
_EXPIRES: Final = {
    "about": "For how many seconds, at least, the partner can open it, from this answer on; what is"
    " given again for its idempotency key counts from the first time. 120 to 720."
}
_LIMIT: Final = {"about": "Mode 3 alone, which needs it: the most messages under one key."}


class _BatchModes(Range):
    """The modes of a batch; the one that only single messages have is told apart."""

    def check(self, value: Any) -> None:
        """Refuse what is no mode, and mode 4."""
        if value == Mode.SPLIT:
            raise UnsupportedModeError("a batch has modes 1 to 3")
        super().check(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encrypt:
    """A message to encrypt for the partner."""

    plaintext: Base64 = field(repr=False)
    mode: Annotated[int, Range(Mode.FAST, Mode.SPLIT)] = field(
        default=int(Mode.FAST), metadata=_MODE
    )
    context: Annotated[Base64, Length(MAX_CONTEXT)] = field(
        default=b"", repr=False, metadata=_CONTEXT
    )
    limit: Annotated[int, Range(1, MAX_LIMIT)] = field(default=0, metadata=_LIMIT)
    pieces: Annotated[int, Range(MIN_PIECES, MAX_PIECES)] = field(
        default=0,
        metadata={"about": f"Mode 4 alone: how many pieces; {DEFAULT_PIECES} unless given."},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A ciphertext that only the partner opens, and the id of the key that it was made with."""

    mode: int
    key_id: str
    ciphertext: Base64Out
    expires_in_seconds: int = field(metadata=_EXPIRES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of a ciphertext of mode 4; fewer than all are worthless."""

    key_id: str
    ciphertext: Base64Out


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A ciphertext of mode 4, in pieces that may go different ways and be opened in any order."""

    mode: int
    pieces: list[Piece]
    expires_in_seconds: int = field(metadata=_EXPIRES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decrypt:
    """A ciphertext, or one piece of it, that the partner made."""

    ciphertext: Base64 = field(repr=False)
    context: Annotated[Base64, Length(MAX_CONTEXT)] = field(
        default=b"", repr=False, metadata=_CONTEXT
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The plaintext; null while pieces are missing."""

    complete: bool
    plaintext: Base64Out | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptBatch:
    """Messages to encrypt in one mode; each item has an answer in its place."""

    items: Annotated[list[EncryptItem], Items(MAX_BATCH)] = field(repr=False)
    mode: Annotated[int, _BatchModes(Mode.FAST, Mode.COUNTED)] = field(
        default=int(Mode.FAST), metadata=_MODE
    )
    limit: Annotated[int, Range(1, MAX_LIMIT)] = field(default=0, metadata=_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptItem:
    """One message of a batch. What is wrong with it is said in its own answer."""

    plaintext: Base64 = field(
        repr=False, metadata={"free": True, "about": "The message, in base64."}
    )
    context: Base64 = field(
        default=b"",
        repr=False,
        metadata={"free": True, "about": "As in a single request; base64."},
    )
    reference: str = field(
        default="",
        metadata={"free": True, "about": "Text that comes back with the item's answer."},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DecryptBatch:
    """Ciphertexts of modes 1 to 3 to decrypt; each item has an answer in its place."""

    items: Annotated[list[DecryptItem], Items(MAX_BATCH)] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecryptItem:
    """One ciphertext of a batch. What is wrong with it is said in its own answer."""

    ciphertext: Base64 = field(metadata={"free": True, "about": "The ciphertext, in base64."})
    context: Base64 = field(
        default=b"",
        repr=False,
        metadata={"free": True, "about": "As in a single request; base64."},
    )
    reference: str = field(
        default="",
        metadata={"free": True, "about": "Text that comes back with the item's answer."},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedItem:
    """The ciphertext of an item or, in its place, its error."""

    ciphertext: Base64Out | None = None
    error: Problem | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecryptedItem:
    """The plaintext of an item or, in its place, its error."""

    plaintext: Base64Out | None = field(default=None, repr=False)
    error: Problem | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedBatch:
    """The answers to the items, in their order."""

    items: list[EncryptedItem]
    expires_in_seconds: int | None = field(
        metadata={
            "about": "For how many seconds, at least, the partner can open each ciphertext of the"
            " answer, as of single ones; null without any."
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DecryptedBatch:
    """The answers to the items, in their order."""

    items: list[DecryptedItem] = field(repr=False)


#: What a stream does, and how far it is.
STREAM_VERBS: Final = ("encrypt", "decrypt")
STREAM_STATES: Final = ("running", "whole", "broken", "left")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream: bytes that came and went, and how it ended; `left` is by the client's doing."""

    id: str
    operation: Annotated[str, OneOf(STREAM_VERBS)]
    state: Annotated[str, OneOf(STREAM_STATES)]
    taken: int
    given: int
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The last streams of a channel, the newest first."""

    streams: list[Stream]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshKey:
    """A key for the application itself: 32 bytes. The partner gets it by its id, once."""

    key_id: str
    key: Base64Out = field(repr=False)
    expires_in_seconds: int = field(
        metadata={
            "about": "For how many seconds, at least, the partner can get it, from this answer on;"
            " an answer that is given again counts from the first time. 120 to 720."
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredKey:
    """A key of 32 bytes that the partner's application took."""

    key_id: str
    key: Base64Out = field(repr=False)
