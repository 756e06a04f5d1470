"""The operation of streams that takes no stream: how they went."""

from __future__ import annotations

from typing import Any

from dynamicrypt.access.tokens import Token
from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.operation import RouteTable
from dynamicrypt.rest.shapes.messages import Stream, Streams
from dynamicrypt.rest.shapes.problem import Problem
from dynamicrypt.rest.streams.log import StreamLog, StreamRecord
from dynamicrypt.rest.v2.channels import CHANNEL, ON_CHANNEL


class StreamRoutes:
    """Streams of the caller's channels."""

    routes = RouteTable()

    def __init__(self, node: Node, log: StreamLog) -> None:
        self._node = node
        self._log = log

    @routes.add("GET", CHANNEL + "/streams", gives=[Streams], problems=ON_CHANNEL)
    def list_streams(self, token: Token, *, service: str, partner: str) -> Streams:
        """The last streams of a channel, the newest first, and why those broke that broke.

        An answer that has begun breaks off without a reason; here it is, under the id that the
        header DynamiCrypt-Stream of the answer named.
        """
        channel = self._node.channel(service, partner, owner=token.id)
        return Streams(streams=[_describe(each) for each in self._log.of(channel)])


def _describe(record: StreamRecord) -> Stream:
    members: Any = record.problem
    return Stream(
        id=record.id,
        operation=record.verb,
        state=record.state,
        taken=record.taken,
        given=record.given,
        problem=None if members is None else Problem(**members),
    )
