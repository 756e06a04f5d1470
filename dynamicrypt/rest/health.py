"""What is read without a token: what is where, whether the process is up, and can serve."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import Final

from twisted.web.resource import Resource
from twisted.web.server import Request

from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.problem import KINDS, problem_reply
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


#: The front page.
FRONT: Final = b"""\
DynamiCrypt

/v2/openapi.json      the interface for applications
/v2/problems/CODE     what its errors mean, and what to do
/v1/options/          the interface of the 2019 program
/healthz, /readyz     whether the service is up, and works
/metrics              the node in numbers, for Prometheus
"""


class Front(_Page):
    """What is where, for people who look."""

    def reply(self) -> Reply:
        """What is read."""
        return Reply(200, FRONT, TEXT)


class Health(_Page):
    """200: the process is up."""

    def reply(self) -> Reply:
        """What is read."""
        return Reply(200, b"ok\n", TEXT)


class Readiness(_Page):
    """200 unless a channel does not work that is to be open; else 503, and why.

    A node without channels is ready for some, and what an application has stopped is not to work.
    It asks for no token, and so names none.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node

    def reply(self) -> Reply:
        """What is read."""
        channels = self._node.all_channels()
        troubles = Counter(each.trouble for each in channels if each.trouble is not None)
        reasons = [
            f"{count} of {len(channels)} channels: {KINDS[trouble.code].title}"
            for trouble, count in troubles.items()
        ]
        answer = ReadinessShape(ready=not reasons, reasons=reasons)
        return Reply(503 if reasons else 200, encode(answer))
