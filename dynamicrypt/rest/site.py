"""The site: guard, limits and routes, put together for one listening port."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from dynamicrypt.access.tokens import Scope, Tokens
from dynamicrypt.errors import LocalError
from dynamicrypt.node.metrics import CONTENT_TYPE, NodeMetrics
from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.desk import Desk
from dynamicrypt.rest.dialects import DialectByPath, is_native
from dynamicrypt.rest.health import Front, Health, Readiness
from dynamicrypt.rest.metrics import MetricsPage
from dynamicrypt.rest.streams.gate import StreamGate, is_stream
from dynamicrypt.rest.streams.log import StreamLog
from dynamicrypt.rest.v1.api import HOT, RestV1
from dynamicrypt.rest.v2.api import OPERATIONS, RestV2
from dynamicrypt.web.fast import Answer, FastLane
from dynamicrypt.web.guard import refusal
from dynamicrypt.web.limits import Limits
from dynamicrypt.web.site import BoundedSite
from dynamicrypt.web.told import Root


def make_site(
    node: Node,
    *,
    tokens: Tokens,
    open_v1: bool,
    reactor: IReactorTime,
    limits: Limits | None = None,
) -> BoundedSite:
    """The site of a node's REST interface; bind it to loopback or a UNIX socket only.

    `tokens` open it; with `open_v1` its v1 routes are open to every local program, too
    (`--api-auth none`).
    """
    limits = limits or Limits()
    desk = Desk(tokens, clock=reactor, rate=limits.rate)
    v1 = RestV1(node, desk, open=open_v1)
    log = StreamLog(desk.counters, reactor.seconds)
    v2 = RestV2(node, desk, log, reactor=reactor)
    dialect = DialectByPath()
    root = Root(dialect)
    root.putChild(b"v1", v1.app.resource())
    root.putChild(b"v2", v2.app.resource())
    root.putChild(b"", Front())
    root.putChild(b"healthz", Health())
    root.putChild(b"readyz", Readiness(node))
    admit = partial(desk.admit, Scope.METRICS)
    sources = NodeMetrics(node).render, desk.counters.render
    root.putChild(b"metrics", MetricsPage(admit, CONTENT_TYPE, *sources))
    streams = StreamGate(node, desk, log, reactor=reactor)
    fast = FastLane(_HotPaths(v1, v2).find, body=limits.body)
    return BoundedSite(
        root,
        reactor=reactor,
        limits=limits,
        dialect=dialect,
        guard=_guard,
        fast=fast,
        live_body=streams.body,
        answered=desk.counters.requests,
    )


def _guard(request: Request) -> LocalError | None:
    path = request.path
    return refusal(request, streams=is_stream(path), typed=is_native(path))


class _HotPaths:
    """The paths of the fast lane."""

    def __init__(self, v1: RestV1, v2: RestV2) -> None:
        self._exact: dict[bytes, Answer] = {
            b"/v1/options/" + endpoint.encode("ascii"): partial(v1.answer, endpoint)
            for endpoint in HOT
        }
        self._on_channel: dict[bytes, Answer] = {
            operation.path.partition("{partner}")[2].encode("ascii"): partial(v2.answer, operation)
            for operation in OPERATIONS
            if operation.hot
        }

    def find(self, path: bytes) -> tuple[Answer, Mapping[str, str]] | None:
        """What answers the path, and the names in it."""
        answer = self._exact.get(path)
        if answer is not None:
            return answer, {}
        parts = path.split(b"/", 6)
        if len(parts) != 7 or parts[:3] != [b"", b"v2", b"services"] or parts[4] != b"channels":
            return None
        answer = self._on_channel.get(b"/" + parts[6])
        if answer is None or not parts[3] or not parts[5]:
            return None
        return answer, {"service": parts[3].decode("ascii"), "partner": parts[5].decode("ascii")}
