"""For those who watch services, without a token: whether the process is up, and can serve."""

from __future__ import annotations

from abc import ABC, abstractmethod

from twisted.web.resource import Resource
from twisted.web.server import Request

from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.problem import problem_reply
from dynamicrypt.rest.shapes.state import Readiness as ReadinessShape
from dynamicrypt.web.refusals import MethodError
from dynamicrypt.web.reply import TEXT, Reply, send
from dynamicrypt.web.schema import encode


class _Page(Resource, ABC):
    """Something to be read."""

    isLeaf = True

    def render(self, request: Request) -> bytes:
        """Answer to GET and HEAD."""
        if request.method in {b"GET", b"HEAD"}:
            return send(request, self.reply())
        error = MethodError(b"GET, HEAD")
        return send(request, problem_reply(error, request.path))

    @abstractmethod
    def reply(self) -> Reply:
        """What is read."""


class Health(_Page):
    """200: the process is up."""

    def reply(self) -> Reply:
        """What is read."""
        return Reply(200, b"ok\n", TEXT)


class Readiness(_Page):
    """200 only with a link up and a key ready; else 503, and why."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node

    def reply(self) -> Reply:
        """What is read."""
        reasons = []
        if not any(peer.up for peer in self._node.status().peers):
            reasons.append("no link is up")
        if not self._node.has_key():
            reasons.append("no key is ready")
        answer = ReadinessShape(ready=not reasons, reasons=reasons)
        return Reply(503 if reasons else 200, encode(answer))
