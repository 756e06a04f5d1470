"""A channel as an application uses it: messages, keys and streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, overload

from dynamicrypt.client.answer import problem_of, read_answer
from dynamicrypt.client.batch import Batch, Message, Outcome
from dynamicrypt.client.caller import Caller
from dynamicrypt.client.errors import (
    ClientError,
    NoKeyYetError,
    PiecesMissingError,
    StreamBrokenError,
)
from dynamicrypt.client.patience import Patience
from dynamicrypt.client.request import MAX_WAIT, Request, channel_path, octets, post, segment
from dynamicrypt.client.shapes import (
    ChannelState,
    DeliveredKey,
    Machine,
    Machines,
    Opened,
    Sealed,
    SealedStream,
    Split,
    Stream,
    Streams,
)
from dynamicrypt.client.stream import Sink, Source, transfer

#: The mode whose messages spend no key, so that sealing twice costs nothing.
_FAST: Final = 1
_SPLIT: Final = 4


class Channel:
    """A channel of the caller's service to its partner. It holds nothing and need not be closed.

    Where a key is needed, calls wait for it as long as the client's patience lasts. Everything
    raises ClientError, a ProblemError if the service refused; and TypeError where something else
    than bytes stands for a message.

    Mode 1 takes the newest key, again and again; 2 a key for this message alone; 3 a key for at
    most `limit` messages; 4 seals `pieces` pieces, each under a key of its own. Bytes that are
    given as `context` when a message is encrypted must be given again to decrypt it. What is
    sealed is for transit: it opens for minutes, not for ever (docs/cli.md), for at least the
    `expires_in_seconds` that the answers carry.
    """

    def __init__(self, caller: Caller, service: str, partner: str) -> None:
        self._caller = caller
        self.service: Final = service
        self.partner: Final = partner

    def state(self) -> ChannelState:
        """How the channel is."""
        return read_answer(ChannelState, self._caller.call(self._request("GET")))

    def wait(self, seconds: float | None = None) -> ChannelState:
        """How the channel is once a key is ready, or none is to come, or when that time is over.

        By default it is that of the client's patience.
        """
        return self._wait(self._caller.new_patience(seconds), lambda state: state.ready)

    def machines(self) -> list[Machine]:
        """The machines of the channel."""
        body = self._caller.call(self._request("GET", "/machines"))
        return list(read_answer(Machines, body).machines)

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
            "plaintext": octets("plaintext", plaintext),
            "mode": mode,
            "context": octets("context", context) or None,
            "limit": limit or None,
            "pieces": pieces or None,
        }
        request = post(
            self._path("/encrypt"), fields, key=idempotency_key, waits=True, spends=mode != _FAST
        )
        body = self._caller.call(request)
        return read_answer(Split, body) if mode == _SPLIT else read_answer(Sealed, body)

    def decrypt(
        self, ciphertext: bytes, *, context: bytes = b"", idempotency_key: str | None = None
    ) -> bytes:
        """Decrypt a message of the partner; each opens once.

        For a piece of a message use `decrypt_piece`: here PiecesMissingError is raised unless it
        was the last one. Who repeats a call after an error with the idempotency key of the first
        gets its plaintext, within two minutes.
        """
        plaintext = self.decrypt_piece(ciphertext, context=context, idempotency_key=idempotency_key)
        if plaintext is None:
            raise PiecesMissingError("the message is not whole yet")
        return plaintext

    def decrypt_piece(
        self, piece: bytes, *, context: bytes = b"", idempotency_key: str | None = None
    ) -> bytes | None:
        """Take one piece of a message of mode 4; the plaintext comes with the last, else None."""
        fields = {
            "ciphertext": octets("ciphertext", piece),
            "context": octets("context", context) or None,
        }
        body = self._caller.call(post(self._path("/decrypt"), fields, key=idempotency_key))
        return read_answer(Opened, body).plaintext

    def encrypt_batch(
        self, messages: Iterable[bytes | Message], *, mode: int = 1, limit: int = 0
    ) -> list[Outcome]:
        """Encrypt many messages in mode 1, 2 or 3; each has an outcome in its place.

        More than the service takes at once are sent in several requests. An item for which no key
        came in time has NoKeyYetError.
        """
        fields = {"mode": mode, "limit": limit or None}
        return self._batch("/batch/encrypt", "plaintext", "ciphertext", fields).run(messages)

    def decrypt_batch(self, messages: Iterable[bytes | Message]) -> list[Outcome]:
        """Decrypt many messages of modes 1 to 3; each has an outcome in its place."""
        return self._batch("/batch/decrypt", "ciphertext", "plaintext", {}).run(messages)

    def next_key(self, *, idempotency_key: str | None = None) -> DeliveredKey:
        """A fresh key for the application itself; tell the partner its id, never the key."""
        request = post(self._path("/keys/next"), {}, key=idempotency_key, waits=True)
        return read_answer(DeliveredKey, self._caller.call(request))

    def key(self, key_id: str, *, idempotency_key: str | None = None) -> DeliveredKey:
        """The key that the partner's application took, by its id; once."""
        request = post(self._path(f"/keys/{segment(key_id)}"), {}, key=idempotency_key)
        return read_answer(DeliveredKey, self._caller.call(request))

    def encrypt_stream(self, source: Source, sink: Sink, *, context: bytes = b"") -> SealedStream:
        """Encrypt a body of any length in constant memory; returns how much ciphertext it is.

        Takes one key. What reached the sink is whole only when this returns. Raises NoKeyYetError,
        or
        another of a channel's ChannelState.absence, most often before anything of the source was
        read.
        """
        patience = self._caller.new_patience()
        state = self._wait(patience, lambda state: state.keys.free > 0)
        if not state.keys.free:
            raise state.absence
        wait = min(patience.left, MAX_WAIT)
        size, expires = self._stream("/stream/encrypt", source, sink, context, wait=wait)
        return SealedStream(size=size, expires_in_seconds=expires)

    def decrypt_stream(self, source: Source, sink: Sink, *, context: bytes = b"") -> int:
        """Decrypt what `encrypt_stream` of the partner made; returns the bytes of plaintext.

        What reached the sink is whole only when this returns: until then each part is what the
        partner sent, but more may follow. BadCiphertextError may come late, when a later part was
        changed or is missing; throw away then what came before.
        """
        return self._stream("/stream/decrypt", source, sink, context)[0]

    def streams(self) -> list[Stream]:
        """The last streams of the channel, the newest first, whoever sent them."""
        body = self._caller.call(self._request("GET", "/streams"))
        return list(read_answer(Streams, body).streams)

    def _wait(self, until: Patience, enough: Callable[[ChannelState], bool]) -> ChannelState:
        while True:
            body = self._caller.call(self._request("GET"), wait=min(until.left, MAX_WAIT))
            state = read_answer(ChannelState, body)
            hopeless = not isinstance(state.absence, NoKeyYetError)
            if enough(state) or hopeless or not until.pause():
                return state

    def _stream(
        self, path: str, source: Source, sink: Sink, context: bytes, *, wait: float = 0.0
    ) -> tuple[int, int | None]:
        target = Request(method="POST", path=self._path(path)).target(wait)
        try:
            return transfer(self._caller.connect(), target, source, sink, context=context)
        except StreamBrokenError as error:
            raise self._why(error) from None

    def _why(self, broken: StreamBrokenError) -> ClientError:
        """What the service says of a stream that broke off, where it says something."""
        if broken.stream is None:
            return broken
        try:
            for stream in self.streams():
                if stream.id == broken.stream and stream.problem is not None:
                    return problem_of(stream.problem)
        except ClientError:
            pass  # it broke, and nobody says why
        return broken

    def _batch(self, path: str, takes: str, gives: str, fields: dict[str, Any]) -> Batch:
        return Batch(self._caller, self._path(path), takes=takes, gives=gives, fields=fields)

    def _path(self, rest: str = "") -> str:
        return channel_path(self.service, self.partner, rest)

    def _request(self, method: str, path: str = "") -> Request:
        return Request(method=method, path=self._path(path))
