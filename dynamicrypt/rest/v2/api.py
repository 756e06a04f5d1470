"""REST v2, the native interface: the routes below /v2, put together.

A route parses, asks the node and encodes; all that requests have in common is rest.desk's.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.desk import Desk
from dynamicrypt.rest.desk.operation import Operation
from dynamicrypt.rest.desk.problem import page, problem_reply
from dynamicrypt.rest.openapi.description import openapi
from dynamicrypt.rest.streams.log import StreamLog
from dynamicrypt.rest.v2.channels import ChannelRoutes
from dynamicrypt.rest.v2.events import EventStreams
from dynamicrypt.rest.v2.keys import KeyRoutes
from dynamicrypt.rest.v2.messages import MessageRoutes
from dynamicrypt.rest.v2.node import NodeRoutes
from dynamicrypt.rest.v2.services import ServiceRoutes
from dynamicrypt.rest.v2.streams import StreamRoutes
from dynamicrypt.web.refusals import MethodError, NoSuchPageError
from dynamicrypt.web.reply import TEXT, Ask, Reply, ask_of, send

_TABLES: Final = (
    ServiceRoutes,
    ChannelRoutes,
    MessageRoutes,
    StreamRoutes,
    KeyRoutes,
    NodeRoutes,
)
#: Every operation that takes and gives JSON, in the order of the description.
OPERATIONS: Final = tuple(each for table in _TABLES for each in table.routes.operations)


class RestV2:
    """The routes below /v2."""

    app = Klein()

    def __init__(self, node: Node, desk: Desk, log: StreamLog, *, reactor: IReactorTime) -> None:
        self._desk = desk
        self._streams = EventStreams(node, reactor)
        self._description = b""
        self._apis = {
            operation.name: api
            for api in (
                ServiceRoutes(node),
                ChannelRoutes(node, reactor),
                MessageRoutes(node, reactor),
                StreamRoutes(node, log),
                KeyRoutes(node, reactor),
                NodeRoutes(node),
            )
            for operation in api.routes.operations
        }

    @app.route("/events", methods=["GET"])
    def events(self, request: Request) -> bytes | Deferred[bytes]:
        """Server-sent events."""
        ask = ask_of(request, {})
        begun = self._streams.begin(
            request, lambda: self._desk.admit(None, ask), lambda: self._desk.holder(None, ask)
        )
        return begun if isinstance(begun, Deferred) else send(request, begun)

    @app.route("/services/<service>/channels/<partner>/stream/<verb>", methods=["POST"])
    def stream(self, request: Request, service: str, partner: str, verb: str) -> bytes:
        """Streams are found before Klein is asked, in their plain spelling only."""
        return send(request, problem_reply(NoSuchPageError("no such path"), request.path))

    @app.route("/openapi.json", methods=["GET"])
    def description(self, request: Request) -> bytes:
        """The description of this interface; asks for no token."""
        if not self._description:
            self._description = openapi(OPERATIONS)
        return send(request, Reply(200, self._description))

    @app.route("/problems/<code>", methods=["GET"])
    def problem(self, request: Request, code: str) -> bytes:
        """The page of a problem; asks for no token."""
        text = page(code)
        if text is None:
            return send(request, problem_reply(NoSuchPageError("no such code"), request.path))
        return send(request, Reply(200, text, TEXT))

    @app.handle_errors(HTTPException)  # type: ignore[arg-type]  # klein: IRequest; ours is wider
    def no_route(self, request: Request, failure: Failure) -> bytes:
        """Answer what Werkzeug found no route for."""
        if isinstance(failure.value, MethodNotAllowed):
            methods = ", ".join(sorted(failure.value.valid_methods or ())).encode("ascii")
            error = MethodError(methods)
            return send(request, problem_reply(error, request.path))
        return send(request, problem_reply(NoSuchPageError("no such path"), request.path))

    def answer(self, operation: Operation, ask: Ask) -> Reply | Deferred[Reply]:
        """The answer to a request for one of OPERATIONS."""
        return self._desk.answer(self._apis[operation.name], operation, ask)


def _mount(operation: Operation) -> None:
    """Make a Klein route of an operation."""

    def respond(api: RestV2, request: Request, **names: str) -> bytes | Deferred[bytes]:
        names = {name: unquote(value) for name, value in names.items()}
        reply = api.answer(operation, ask_of(request, names))
        if isinstance(reply, Deferred):
            return reply.addCallback(lambda reply: send(request, reply))
        return send(request, reply)

    rule = operation.path.replace("{", "<").replace("}", ">")
    RestV2.app.route(rule, methods=[operation.method], endpoint=operation.name)(respond)


for _operation in OPERATIONS:
    _mount(_operation)
