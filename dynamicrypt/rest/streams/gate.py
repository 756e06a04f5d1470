"""Bodies of any length, sealed and opened while they arrive, in constant memory.

twisted.web hands a request over when all of its body is there. Here its body is a cipher instead
of a buffer: what is written to it comes out, sealed or opened, as the answer, which so begins
before the request has ended. A client that does not read its answer is not read from.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import parse_qs
from twisted.web.server import Request

from dynamicrypt.access.tokens import Scope, credential_of
from dynamicrypt.errors import DynamiCryptError, ParameterError
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.desk import Desk, check_query, wait_of
from dynamicrypt.rest.desk.patience import Patience, may_come
from dynamicrypt.rest.desk.problem import problem_reply
from dynamicrypt.rest.shapes.messages import MAX_CONTEXT
from dynamicrypt.rest.streams.body import StreamBody
from dynamicrypt.rest.streams.coder import Coder, Opening, Sealing
from dynamicrypt.rest.streams.log import StreamLog, StreamState
from dynamicrypt.web.body import RefusedEarlyError
from dynamicrypt.web.guard import refusal
from dynamicrypt.web.reply import Ask, uid_of
from dynamicrypt.web.schema import InvalidRequestError, from_base64

CONTEXT_HEADER: Final = b"DynamiCrypt-Context"

_PATH: Final = re.compile(
    rb"/v2/services/([^/?]+)/channels/([^/?]+)/stream/(encrypt|decrypt)(?:\?.*)?"
)
_SCOPES: Final = {"encrypt": Scope.ENCRYPT, "decrypt": Scope.DECRYPT}


class StreamGate:
    """Begins streams: finds the path, lets the caller in, takes a key."""

    def __init__(self, node: Node, desk: Desk, log: StreamLog, *, reactor: IReactorTime) -> None:
        self._node = node
        self._desk = desk
        self._log = log
        self._reactor = reactor

    def body(self, request: Request) -> StreamBody | None:
        """The body of a request whose head has come; None if it is no stream.

        The request must have its method and path by now. Raises RefusedEarlyError.
        """
        match = _PATH.fullmatch(request.uri)
        if match is None or request.method != b"POST":
            return None
        try:
            service, partner, verb = (unquote_to_bytes(part).decode() for part in match.groups())
        except UnicodeDecodeError:
            return None
        try:
            refused = refusal(request, streams=True, typed=True)
            if refused is not None:
                raise refused
            return self._begin(request, service, partner, verb)
        except DynamiCryptError as error:
            raise RefusedEarlyError(problem_reply(error, request.path)) from None

    def _begin(self, request: Request, service: str, partner: str, verb: str) -> StreamBody:
        given = request.requestHeaders.getRawHeaders(b"Authorization")
        ask = Ask(
            method=request.method,
            path=request.path,
            credential=credential_of(given),
            uid=uid_of(request),
        )
        token = self._desk.admit(_SCOPES[verb], ask)
        if request.clientproto != b"HTTP/1.1":
            raise InvalidRequestError("a stream needs HTTP/1.1, whose answers show their end")
        context = _context(request)
        query = parse_qs(request.uri.partition(b"?")[2], keep_blank_values=True)
        check_query(query, waits=verb == "encrypt")
        wait = wait_of(query.get(b"wait", ()))
        channel = self._node.channel(service, partner, owner=token.id)
        record = self._log.begin(channel, verb)
        try:
            if verb == "decrypt":
                opener = channel.stream_opener(context)
                return StreamBody(request, record, Opening(opener, self._reactor.seconds))
            sealer = channel.stream_sealer(context)
            return StreamBody(request, record, Sealing(sealer, self._reactor.seconds))
        except DynamiCryptError as error:
            if not (wait and may_come(error)):
                record.end(StreamState.BROKEN, error)
                raise
        body = StreamBody(request, record, None)
        body.wait_for(self._when_ready(channel, context, wait))
        return body

    def _when_ready(self, channel: LinkChannel, context: bytes, wait: float) -> Deferred[Coder]:
        patience = Patience(self._reactor, wait)
        return Deferred.fromCoroutine(
            patience.get(
                channel,
                1,
                lambda: Sealing(channel.stream_sealer(context), self._reactor.seconds),
            )
        )


def is_stream(path: bytes) -> bool:
    """Whether the path reads a stream."""
    return _PATH.fullmatch(path) is not None


def _context(request: Request) -> bytes:
    values = request.requestHeaders.getRawHeaders(CONTEXT_HEADER)
    if values is None:
        return b""
    try:
        if len(values) != 1:
            raise ValueError("comes twice")
        context = from_base64(values[0].decode("ascii", "replace"))
    except ValueError as error:
        raise InvalidRequestError(f"the context {error}") from None
    if len(context) > MAX_CONTEXT:
        raise ParameterError(f"the context has {MAX_CONTEXT} bytes at most")
    return context
