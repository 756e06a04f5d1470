"""Whether applications can be served: for those who watch services, and need no token."""

from __future__ import annotations

from twisted.web.resource import Resource
from twisted.web.server import Request

from dynamicrypt.node.node import Node
from dynamicrypt.rest.reply import Reply, send
from dynamicrypt.rest.schema import encode
from dynamicrypt.rest.v2_shapes import Readiness as ReadinessShape


class Readiness(Resource):
    """200 only with a link up and a key ready; else 503, and why."""

    isLeaf = True

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node

    def render(self, request: Request) -> bytes:
        """Answer."""
        reasons = []
        if not any(peer.up for peer in self._node.status().peers):
            reasons.append("no link is up")
        if not self._node.has_key():
            reasons.append("no key is ready")
        answer = ReadinessShape(ready=not reasons, reasons=reasons)
        return send(request, Reply(503 if reasons else 200, encode(answer)))
