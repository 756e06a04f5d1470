"""A channel as an application uses it: messages, keys and streams."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, overload

from dynamicrypt.client.answer import problem_of, read_answer, read_object, read_value
from dynamicrypt.client.caller import Caller
from dynamicrypt.client.errors import (
    BadAnswerError,
    BadCiphertextError,
    ClientError,
    NoKeyYetError,
    PiecesMissingError,
    ProblemError,
    StreamBrokenError,
)
from dynamicrypt.client.request import MAX_WAIT, Request, batches, channel_path, json_body, segment
from dynamicrypt.client.shapes import ChannelState, DeliveredKey, Opened, Sealed, Split
from dynamicrypt.client.stream import Sink, Source, transfer

#: The mode whose messages spend no key, so that sealing twice costs nothing.
_FAST: Final = 1
_SPLIT: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a batch: plaintext or ciphertext, what it is bound to, and a name for it."""

    data: bytes = field(repr=False)
    context: bytes = field(default=b"", repr=False)
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one message of a batch: bytes, or else the error."""

    data: bytes | None = field(default=None, repr=False)
    error: ProblemError | None = None
    reference: str | None = None

    def result(self) -> bytes:
        """The bytes; raises the error where there are none."""
        if self.error is not None:
            raise self.error
        assert self.data is not None, "one of the two is there"
        return self.data


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """An item of the answer to a batch."""

    ciphertext: bytes | None = None
    plaintext: bytes | None = field(default=None, repr=False)
    error: dict[str, Any] | None = None
    reference: str | None = None


class Channel:
    """A channel of the caller's service to its partner. It holds nothing and need not be closed.

    Where a key is needed, calls wait for it as long as the client's patience lasts. Everything
    raises ClientError, a ProblemError if the service refused. Mode 1 takes the newest key, again
    and again; 2 a key for this message alone; 3 a key for at most `limit` messages; 4 seals
    `pieces` pieces, each under a key of its own. Bytes that are given as `context` when a message
    is encrypted must be given again to decrypt it.
    """

    def __init__(self, caller: Caller, service: str, partner: str) -> None:
        self._caller = caller
        self.service: Final = service
        self.partner: Final = partner

    def state(self) -> ChannelState:
        """How the channel is."""
        return read_answer(ChannelState, self._caller.call(self._request("GET")))

    def wait(self, seconds: float | None = None) -> ChannelState:
        """How the channel is once a key is ready, or when that time is over.

        By default it is that of the client's patience.
        """
        until = self._caller.new_patience(seconds)
        while True:
            body = self._caller.call(self._request("GET"), wait=min(until.left, MAX_WAIT))
            state = read_answer(ChannelState, body)
            if state.ready or not until.pause():
                return state

    def start(self) -> ChannelState:
        """Let the machines synchronise again."""
        return read_answer(ChannelState, self._caller.call(self._request("POST", "/start")))

    def stop(self) -> ChannelState:
        """Stop synchronising; keys that are ready stay usable until they expire."""
        return read_answer(ChannelState, self._caller.call(self._request("POST", "/stop")))

    def close(self) -> None:
        """Close the channel on this side, and erase its keys."""
        self._caller.call(self._request("DELETE"))

    @overload
    def encrypt(
        self,
        plaintext: bytes,
        *,
        mode: Literal[1, 2, 3] = 1,
        context: bytes = b"",
        limit: int = 0,
        idempotency_key: str | None = None,
    ) -> Sealed: ...

    @overload
    def encrypt(
        self,
        plaintext: bytes,
        *,
        mode: Literal[4],
        context: bytes = b"",
        pieces: int = 0,
        idempotency_key: str | None = None,
    ) -> Split: ...

    @overload
    def encrypt(
        self,
        plaintext: bytes,
        *,
        mode: int,
        context: bytes = b"",
        limit: int = 0,
        pieces: int = 0,
        idempotency_key: str | None = None,
    ) -> Sealed | Split: ...

    def encrypt(
        self,
        plaintext: bytes,
        *,
        mode: int = 1,
        context: bytes = b"",
        limit: int = 0,
        pieces: int = 0,
        idempotency_key: str | None = None,
    ) -> Sealed | Split:
        """Encrypt a message for the partner.

        `pieces` of 0 is the service's default. Who repeats a call after an error with the
        idempotency key of the first spends no second key.
        """
        fields = {
            "plaintext": plaintext,
            "mode": mode,
            "context": context or None,
            "limit": limit or None,
            "pieces": pieces or None,
        }
        request = self._post(
            "/encrypt", fields, key=idempotency_key, waits=True, spends=mode != _FAST
        )
        body = self._caller.call(request)
        return read_answer(Split, body) if mode == _SPLIT else read_answer(Sealed, body)

    def decrypt(
        self, ciphertext: bytes, *, context: bytes = b"", idempotency_key: str | None = None
    ) -> bytes:
        """Decrypt a message of the partner; each opens once.

        For a piece of a message use `decrypt_piece`: here PiecesMissingError is raised unless it
        was the last one. Who repeats a call after an error with the idempotency key of the first
        gets its plaintext, within a minute.
        """
        plaintext = self.decrypt_piece(ciphertext, context=context, idempotency_key=idempotency_key)
        if plaintext is None:
            raise PiecesMissingError("the message is not whole yet")
        return plaintext

    def decrypt_piece(
        self, piece: bytes, *, context: bytes = b"", idempotency_key: str | None = None
    ) -> bytes | None:
        """Take one piece of a message of mode 4; the plaintext comes with the last, else None."""
        fields = {"ciphertext": piece, "context": context or None}
        body = self._caller.call(self._post("/decrypt", fields, key=idempotency_key))
        return read_answer(Opened, body).plaintext

    def encrypt_batch(
        self, messages: Iterable[bytes | Message], *, mode: int = 1, limit: int = 0
    ) -> list[Outcome]:
        """Encrypt many messages in mode 1, 2 or 3; each has an outcome in its place.

        More than the service takes at once are sent in several requests. An item for which no key
        came in time has NoKeyYetError.
        """
        fields = {"mode": mode, "limit": limit or None}
        return self._batch("/batch/encrypt", messages, "plaintext", "ciphertext", fields)

    def decrypt_batch(self, messages: Iterable[bytes | Message]) -> list[Outcome]:
        """Decrypt many messages of modes 1 to 3; each has an outcome in its place."""
        return self._batch("/batch/decrypt", messages, "ciphertext", "plaintext", {})

    def next_key(self, *, idempotency_key: str | None = None) -> DeliveredKey:
        """A fresh key for the application itself; tell the partner its id, never the key."""
        request = self._post("/keys/next", {}, key=idempotency_key, waits=True)
        return read_answer(DeliveredKey, self._caller.call(request))

    def key(self, key_id: str, *, idempotency_key: str | None = None) -> DeliveredKey:
        """The key that the partner's application took, by its id; once."""
        request = self._post(f"/keys/{segment(key_id)}", {}, key=idempotency_key)
        return read_answer(DeliveredKey, self._caller.call(request))

    def encrypt_stream(self, source: Source, sink: Sink, *, context: bytes = b"") -> int:
        """Encrypt a body of any length in constant memory; returns the bytes of ciphertext.

        Takes one key. What reached the sink is whole only when this returns.
        """
        if not self.wait().keys.free:
            raise NoKeyYetError("no key is ready", code=NoKeyYetError.code)
        return self._stream("/stream/encrypt", source, sink, context)

    def decrypt_stream(self, source: Source, sink: Sink, *, context: bytes = b"") -> int:
        """Decrypt what `encrypt_stream` of the partner made; returns the bytes of plaintext.

        What reached the sink is whole only when this returns: until then each part is what the
        partner sent, but more may follow. BadCiphertextError may come late, when a later part was
        changed or is missing; throw away then what came before.
        """
        try:
            return self._stream("/stream/decrypt", source, sink, context)
        except StreamBrokenError as error:
            # The service has no other way to refuse an answer that it has begun.
            try:
                self._caller.call(Request(method="GET", path="/healthz"))
            except ClientError:
                raise error from None
            raise BadCiphertextError(
                "the stream was changed or cut short", code=BadCiphertextError.code
            ) from None

    def _stream(self, path: str, source: Source, sink: Sink, context: bytes) -> int:
        target = channel_path(self.service, self.partner, path)
        return transfer(self._caller.connect(), target, source, sink, context=context)

    def _batch(
        self,
        path: str,
        messages: Iterable[bytes | Message],
        takes: str,
        gives: str,
        fields: dict[str, Any],
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for part in batches([_item(message, takes) for message in messages], takes):
            patience = self._caller.new_patience()
            found = self._outcomes(self._post(path, {"items": part, **fields}), part, gives)
            while starved := [
                place for place, each in enumerate(found) if isinstance(each.error, NoKeyYetError)
            ]:
                if not patience.pause():
                    break
                again = [part[place] for place in starved]
                request = self._post(path, {"items": again, **fields})
                answers = self._outcomes(request, again, gives, wait=min(patience.left, MAX_WAIT))
                for place, outcome in zip(starved, answers, strict=True):
                    found[place] = outcome
            outcomes += found
        return outcomes

    def _outcomes(
        self, request: Request, items: Sequence[object], gives: str, *, wait: float = 0.0
    ) -> list[Outcome]:
        answers = read_object(self._caller.call(request, wait=wait)).get("items")
        if not isinstance(answers, list) or len(answers) != len(items):
            raise BadAnswerError("the answer has another number of items")
        return [_outcome(answer, gives) for answer in answers]

    def _request(self, method: str, path: str = "") -> Request:
        return Request(method=method, path=channel_path(self.service, self.partner, path))

    def _post(
        self,
        path: str,
        fields: dict[str, Any],
        *,
        key: str | None = None,
        waits: bool = False,
        spends: bool = True,
    ) -> Request:
        """A request that may come twice; what it spends is spent once, under its key."""
        return Request(
            method="POST",
            path=channel_path(self.service, self.partner, path),
            body=json_body(fields),
            waits=waits,
            idempotency_key=secrets.token_hex(16) if key is None and spends else key,
        )


def _item(message: bytes | Message, takes: str) -> dict[str, Any]:
    if not isinstance(message, Message):
        return {takes: message}
    item: dict[str, Any] = {takes: message.data}
    if message.context:
        item["context"] = message.context
    if message.reference is not None:
        item["reference"] = message.reference
    return item


def _outcome(answer: object, gives: str) -> Outcome:
    item = read_value(_Item, answer)
    data = item.ciphertext if gives == "ciphertext" else item.plaintext
    error = None if item.error is None else problem_of(item.error)
    if (data is None) == (error is None):
        raise BadAnswerError("an item has not one of data and error")
    return Outcome(data=data, error=error, reference=item.reference)
