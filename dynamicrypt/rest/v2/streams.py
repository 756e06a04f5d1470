"""The operation of streams that takes no stream: how they went."""

from __future__ import annotations

import orjson

from dynamicrypt.access.tokens import Token
from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.operation import RouteTable
from dynamicrypt.rest.shapes.messages import Streams
from dynamicrypt.rest.streams.log import StreamLog, StreamRecord
from dynamicrypt.rest.v2.channels import CHANNEL, ON_CHANNEL
from dynamicrypt.web.reply import Reply


class StreamRoutes:
    """Streams of the caller's channels."""

    routes = RouteTable()

    def __init__(self, node: Node, log: StreamLog) -> None:
        self._node = node
        self._log = log

    @routes.add("GET", CHANNEL + "/streams", gives=[Streams], problems=ON_CHANNEL)
    def list_streams(self, token: Token, *, service: str, partner: str) -> Reply:
        """The last streams of a channel, the newest first, and why those broke that broke.

        An answer that has begun breaks off without a reason; here it is, under the id that the
        header DynamiCrypt-Stream of the answer named.
        """
        channel = self._node.channel(service, partner, owner=token.id)
        streams = [_describe(each) for each in self._log.of(channel)]
        return Reply(200, orjson.dumps({"streams": streams}))


def _describe(record: StreamRecord) -> dict[str, object]:
    """A Stream; what it or its problem does not have is left out, as in all problems."""
    members: dict[str, object] = {
        "id": record.id,
        "operation": record.verb,
        "state": record.state,
        "taken": record.taken,
        "given": record.given,
    }
    return members if record.problem is None else members | {"problem": record.problem}
