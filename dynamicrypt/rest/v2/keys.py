"""The operations of keys that applications take for themselves."""

from __future__ import annotations

import re
import uuid
from typing import Final

from twisted.internet.interfaces import IReactorTime

from dynamicrypt.access.tokens import Scope, Token
from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.operation import Eventually, RouteTable
from dynamicrypt.rest.desk.patience import Patience
from dynamicrypt.rest.desk.problem import NO_KEY
from dynamicrypt.rest.shapes.messages import DeliveredKey, FreshKey
from dynamicrypt.rest.v2.channels import CHANNEL, ON_CHANNEL
from dynamicrypt.rest.v2.sealing import fetch_key, take_key
from dynamicrypt.web.schema import InvalidRequestError

_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class KeyRoutes:
    """Keys of the caller's channels."""

    routes = RouteTable()

    def __init__(self, node: Node, reactor: IReactorTime) -> None:
        self._node = node
        self._reactor = reactor

    @routes.add(
        "POST",
        CHANNEL + "/keys/next",
        scope=Scope.KEY_READ,
        gives=[FreshKey],
        problems=(*ON_CHANNEL, *NO_KEY),
        waits=True,
        idempotent=True,
        secret=True,
    )
    def next_key(
        self, token: Token, wait: float, *, service: str, partner: str
    ) -> Eventually[FreshKey]:
        """Take a fresh key; tell the partner its id, never the key.

        The key is the application's from now on, and nothing is ever encrypted under it here.
        """
        channel = self._node.channel(service, partner, owner=token.id)
        if not wait:
            return take_key(channel)
        return Patience(self._reactor, wait).get(channel, 1, lambda: take_key(channel))

    @routes.add(
        "POST",
        CHANNEL + "/keys/{key_id}",
        scope=Scope.KEY_READ,
        gives=[DeliveredKey],
        problems=(*ON_CHANNEL, "unknown_key", "key_used", "key_expired"),
        idempotent=True,
        secret=True,
    )
    def key_by_id(self, token: Token, *, service: str, partner: str, key_id: str) -> DeliveredKey:
        """The key that the partner's application took, by its id; once.

        The id of a message that is still to be decrypted is taken, too, and spoils that message.
        """
        if _UUID.fullmatch(key_id) is None:
            raise InvalidRequestError("a key id is a UUID in lower case")
        channel = self._node.channel(service, partner, owner=token.id)
        return fetch_key(channel, uuid.UUID(key_id))
