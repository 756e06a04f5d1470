"""The page of metrics."""

from __future__ import annotations

from collections.abc import Callable

from twisted.web.resource import Resource
from twisted.web.server import Request

from dynamicrypt.access.tokens import Token
from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.rest.desk.problem import problem_reply
from dynamicrypt.web.refusals import MethodError
from dynamicrypt.web.reply import Ask, Reply, ask_of, send


class MetricsPage(Resource):
    """What is at /metrics, for those whom `admit` lets in; `sources` give parts of the text."""

    isLeaf = True

    def __init__(
        self,
        admit: Callable[[Ask], Token],
        content_type: str,
        *sources: Callable[[], bytes],
    ) -> None:
        super().__init__()
        self._admit = admit
        self._content_type = content_type.encode("ascii")
        self._sources = sources

    def render(self, request: Request) -> bytes:
        """Answer."""
        try:
            if request.method not in {b"GET", b"HEAD"}:
                raise MethodError(b"GET, HEAD")
            self._admit(ask_of(request, {}))
        except DynamiCryptError as error:
            return send(request, problem_reply(error, request.path))
        text = b"".join(source() for source in self._sources)
        return send(request, Reply(200, text, self._content_type))
