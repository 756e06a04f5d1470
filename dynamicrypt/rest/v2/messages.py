"""The operations of messages: one, or many at once; streams have a way of their own."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IReactorTime

from dynamicrypt.access.tokens import Scope, Token
from dynamicrypt.keys.pieces import DEFAULT_PIECES
from dynamicrypt.keys.pool_key import Mode
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.operation import Eventually, RouteTable
from dynamicrypt.rest.desk.patience import Patience
from dynamicrypt.rest.desk.problem import NO_KEY
from dynamicrypt.rest.shapes.messages import (
    Decrypt,
    DecryptBatch,
    DecryptedBatch,
    Encrypt,
    EncryptBatch,
    EncryptedBatch,
    Opened,
    Sealed,
    Split,
)
from dynamicrypt.rest.v2.batch import Batch
from dynamicrypt.rest.v2.channels import CHANNEL, ON_CHANNEL
from dynamicrypt.rest.v2.sealing import check_numbers, seal
from dynamicrypt.web.reply import Reply
from dynamicrypt.web.schema import to_base64

_SEALING: Final = (*ON_CHANNEL, *NO_KEY)
_OPENING: Final = (
    *ON_CHANNEL,
    "bad_ciphertext",
    "wrong_channel",
    "key_used",
    "key_expired",
    "unknown_key",
)


class MessageRoutes:
    """Messages on the caller's channels."""

    routes = RouteTable()

    def __init__(self, node: Node, reactor: IReactorTime) -> None:
        self._node = node
        self._reactor = reactor

    @routes.add(
        "POST",
        CHANNEL + "/encrypt",
        scope=Scope.ENCRYPT,
        takes=Encrypt,
        gives=[Sealed, Split],
        problems=_SEALING,
        waits=True,
        idempotent=True,
        hot=True,
    )
    def encrypt(
        self, token: Token, asked: Encrypt, wait: float, *, service: str, partner: str
    ) -> Eventually[Sealed | Split]:
        """Encrypt a message for the partner."""
        channel = self._node.channel(service, partner, owner=token.id)
        if not wait:
            return seal(channel, asked)
        needed = (asked.pieces or DEFAULT_PIECES) if asked.mode == Mode.SPLIT else 1
        return Patience(self._reactor, wait).get(channel, needed, lambda: seal(channel, asked))

    @routes.add(
        "POST",
        CHANNEL + "/decrypt",
        scope=Scope.DECRYPT,
        takes=Decrypt,
        gives=[Opened],
        problems=(*_OPENING, "unsupported_mode", "too_many_pieces"),
        idempotent=True,
        secret=True,
        hot=True,
    )
    def decrypt(self, token: Token, asked: Decrypt, *, service: str, partner: str) -> Opened:
        """Decrypt a message of the partner, or take one piece of it.

        Each message opens once, in every mode.
        """
        channel = self._node.channel(service, partner, owner=token.id)
        plaintext = channel.open(asked.ciphertext, asked.context)
        if plaintext is None:
            return Opened(complete=False, plaintext=None)
        return Opened(complete=True, plaintext=to_base64(plaintext))

    @routes.add(
        "POST",
        CHANNEL + "/batch/encrypt",
        scope=Scope.ENCRYPT,
        takes=EncryptBatch,
        gives=[EncryptedBatch],
        problems=(*ON_CHANNEL, "unsupported_mode"),
        waits=True,
        idempotent=True,
        hot=True,
    )
    def encrypt_batch(
        self, token: Token, asked: EncryptBatch, wait: float, *, service: str, partner: str
    ) -> Eventually[Reply]:
        """Encrypt many messages; each item has a ciphertext or an error in its place.

        With `wait`, items that lack a key wait for one.
        """
        channel = self._node.channel(service, partner, owner=token.id)
        check_numbers(asked.mode, asked.limit)
        batch = Batch(asked.items, takes="plaintext", gives="ciphertext")
        until = _seal(channel, batch, asked)
        if wait and batch.starves():
            return self._feed(channel, batch, asked, wait, until)
        return _sealed(channel, batch, until)

    @routes.add(
        "POST",
        CHANNEL + "/batch/decrypt",
        scope=Scope.DECRYPT,
        takes=DecryptBatch,
        gives=[DecryptedBatch],
        problems=ON_CHANNEL,
        idempotent=True,
        secret=True,
        hot=True,
    )
    def decrypt_batch(
        self, token: Token, asked: DecryptBatch, *, service: str, partner: str
    ) -> Reply:
        """Decrypt many messages; each item has a plaintext or an error in its place."""
        channel = self._node.channel(service, partner, owner=token.id)
        batch = Batch(asked.items, takes="ciphertext", gives="plaintext")
        batch.run(channel.open_batch)
        return batch.reply()

    async def _feed(
        self,
        channel: LinkChannel,
        batch: Batch,
        asked: EncryptBatch,
        wait: float,
        until: float,
    ) -> Reply:
        patience = Patience(self._reactor, wait)
        while batch.starves() and await patience.has_keys(channel, 1):
            until = min(until, _seal(channel, batch, asked))
        return _sealed(channel, batch, until)


def _seal(channel: LinkChannel, batch: Batch, asked: EncryptBatch) -> float:
    """Seal what waits; return until when it opens."""
    batch.run(lambda messages: channel.seal_batch(messages, asked.mode, asked.limit))
    return channel.opens_until


def _sealed(channel: LinkChannel, batch: Batch, until: float) -> Reply:
    """The answer to a batch that opens until then."""
    return batch.reply(expires_in_seconds=channel.seconds_to(until) if batch.succeeded else None)
