"""REST v2, the native interface: services, channels, messages, keys and the state of the node.

A route parses, asks the node and encodes; all that requests have in common is rest.operation's.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Coroutine
from typing import Final, TypeAlias, TypeVar

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from dynamicrypt.errors import ParameterError
from dynamicrypt.keys.pieces import DEFAULT_PIECES
from dynamicrypt.keys.pool_key import Mode
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.node import Node
from dynamicrypt.rest import v2_shapes
from dynamicrypt.rest.batch import Batch
from dynamicrypt.rest.events import EventStreams
from dynamicrypt.rest.fixed import TEXT
from dynamicrypt.rest.openapi import openapi
from dynamicrypt.rest.operation import Desk, Operation, RouteTable
from dynamicrypt.rest.patience import Patience
from dynamicrypt.rest.problem import page, problem_reply
from dynamicrypt.rest.refusals import MethodError, NoSuchPageError
from dynamicrypt.rest.reply import Ask, Reply, ask_of, send
from dynamicrypt.rest.schema import InvalidRequestError, to_base64
from dynamicrypt.rest.sealing import deliver, seal, take_key
from dynamicrypt.rest.tokens import Scope, Token
from dynamicrypt.rest.v2_shapes import (
    MAX_NAME,
    NAME_PATTERN,
    Channel,
    Channels,
    Decrypt,
    DecryptBatch,
    DecryptedBatch,
    DeliveredKey,
    Encrypt,
    EncryptBatch,
    EncryptedBatch,
    OpenChannel,
    Opened,
    Sealed,
    Service,
    Services,
    Split,
)
from dynamicrypt.rest.views import describe_channel, describe_node

T = TypeVar("T")
#: An answer now, or later for who would wait.
Eventually: TypeAlias = "T | Coroutine[Deferred[None], object, T]"

_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_NAME: Final = re.compile(NAME_PATTERN)

_CHANNEL: Final = "/services/{service}/channels/{partner}"
_OWN: Final = ("unknown_service",)
_ON_CHANNEL: Final = ("unknown_service", "unknown_channel")
_SEALING: Final = (*_ON_CHANNEL, "no_key_yet", "bad_parameter", "peer_down")
_OPENING: Final = (
    *_ON_CHANNEL,
    "bad_ciphertext",
    "wrong_channel",
    "key_used",
    "key_expired",
    "unknown_key",
)


class RestV2:
    """The routes below /v2."""

    app = Klein()
    routes = RouteTable()

    def __init__(self, node: Node, desk: Desk, *, reactor: IReactorTime) -> None:
        self._node = node
        self._desk = desk
        self._reactor = reactor
        self._streams = EventStreams(node, reactor)
        self._description = b""

    # Services.

    @routes.add("GET", "/services", gives=[Services])
    def list_services(self, token: Token) -> Services:
        """The names of your services."""
        return Services(services=self._node.service_names(owner=token.id))

    @routes.add(
        "PUT",
        "/services/{service}",
        gives=[Service],
        statuses=(201, 200),
        problems=("bad_parameter", "name_taken", "too_many_services"),
    )
    def create_service(self, token: Token, *, service: str) -> tuple[int, Service]:
        """Create a service, or find that you have it.

        Names are exact, and unique on the node. Services outlive the process.
        """
        if service in self._node.service_names(owner=token.id):
            return 200, self._service(service, token)
        self._node.create_service(_fit(service), owner=token.id)
        return 201, self._service(service, token)

    @routes.add("GET", "/services/{service}", gives=[Service], problems=_OWN)
    def get_service(self, token: Token, *, service: str) -> Service:
        """A service and its channels."""
        return self._service(service, token)

    @routes.add("DELETE", "/services/{service}", statuses=(204,), problems=_OWN)
    def delete_service(self, token: Token, *, service: str) -> None:
        """Remove a service, its channels and their keys."""
        self._node.delete_service(service, owner=token.id)

    # Channels.

    @routes.add("GET", "/services/{service}/channels", gives=[Channels], problems=_OWN)
    def list_channels(self, token: Token, *, service: str) -> Channels:
        """The channels of a service."""
        return Channels(channels=self._service(service, token).channels)

    @routes.add(
        "PUT",
        _CHANNEL,
        takes=OpenChannel,
        gives=[Channel],
        statuses=(201, 200),
        problems=("unknown_service", "unknown_peer", "bad_parameter", "too_many_services"),
    )
    def open_channel(
        self, token: Token, asked: OpenChannel, *, service: str, partner: str
    ) -> tuple[int, Channel]:
        """Open a channel to a partner at a known peer, and keep it open.

        This node's own fingerprint is a peer, too: two services of one node need no link.
        Answers at once; with `wait`, GET tells when keys are there. The partner's node must have
        opened the channel, too.
        """
        names = [each.name.partner for each in self._node.channels(service, owner=token.id)]
        channel = self._node.open_channel(service, _fit(partner), peer=asked.peer, owner=token.id)
        return 200 if partner in names else 201, describe_channel(channel)

    @routes.add("GET", _CHANNEL, gives=[Channel], problems=_ON_CHANNEL, waits=True)
    def get_channel(
        self, token: Token, wait: float, *, service: str, partner: str
    ) -> Eventually[Channel]:
        """A channel: its state, its keys and its machines.

        With `wait` the answer comes once a key is ready, or when that time is over.
        """
        channel = self._node.channel(service, partner, owner=token.id)
        return self._described_when_ready(channel, wait) if wait else describe_channel(channel)

    @routes.add("DELETE", _CHANNEL, statuses=(204,), problems=_ON_CHANNEL)
    def close_channel(self, token: Token, *, service: str, partner: str) -> None:
        """Close a channel and erase its keys."""
        self._node.close_channel(service, partner, owner=token.id)

    @routes.add("POST", _CHANNEL + "/start", gives=[Channel], problems=_ON_CHANNEL)
    def start_channel(self, token: Token, *, service: str, partner: str) -> Channel:
        """Let the machines synchronise again."""
        channel = self._node.channel(service, partner, owner=token.id)
        channel.start()
        return describe_channel(channel)

    @routes.add("POST", _CHANNEL + "/stop", gives=[Channel], problems=_ON_CHANNEL)
    def stop_channel(self, token: Token, *, service: str, partner: str) -> Channel:
        """Stop synchronising; keys that are ready stay usable until they expire."""
        channel = self._node.channel(service, partner, owner=token.id)
        channel.stop()
        return describe_channel(channel)

    # Messages.

    @routes.add(
        "POST",
        _CHANNEL + "/encrypt",
        scope=Scope.ENCRYPT,
        takes=Encrypt,
        gives=[Sealed, Split],
        problems=_SEALING,
        waits=True,
        idempotent=True,
        hot=True,
    )
    def encrypt(
        self, token: Token, asked: Encrypt, wait: float, *, service: str, partner: str
    ) -> Eventually[Sealed | Split]:
        """Encrypt a message for the partner."""
        channel = self._node.channel(service, partner, owner=token.id)
        if not wait:
            return seal(channel, asked)
        needed = (asked.pieces or DEFAULT_PIECES) if asked.mode == Mode.SPLIT else 1
        return Patience(self._reactor, wait).get(channel, needed, lambda: seal(channel, asked))

    @routes.add(
        "POST",
        _CHANNEL + "/decrypt",
        scope=Scope.DECRYPT,
        takes=Decrypt,
        gives=[Opened],
        problems=(*_OPENING, "unsupported_mode", "too_many_pieces"),
        idempotent=True,
        secret=True,
        hot=True,
    )
    def decrypt(self, token: Token, asked: Decrypt, *, service: str, partner: str) -> Opened:
        """Decrypt a message of the partner, or take one piece of it.

        Each message opens once, in every mode.
        """
        channel = self._node.channel(service, partner, owner=token.id)
        plaintext = channel.open(asked.ciphertext, asked.context)
        if plaintext is None:
            return Opened(complete=False, plaintext=None)
        return Opened(complete=True, plaintext=to_base64(plaintext))

    @routes.add(
        "POST",
        _CHANNEL + "/batch/encrypt",
        scope=Scope.ENCRYPT,
        takes=EncryptBatch,
        gives=[EncryptedBatch],
        problems=(*_ON_CHANNEL, "bad_parameter"),
        waits=True,
        idempotent=True,
        hot=True,
    )
    def encrypt_batch(
        self, token: Token, asked: EncryptBatch, wait: float, *, service: str, partner: str
    ) -> Eventually[Reply]:
        """Encrypt many messages; each item has a ciphertext or an error in its place.

        With `wait`, items that lack a key wait for one.
        """
        channel = self._node.channel(service, partner, owner=token.id)
        batch = Batch(asked.items, takes="plaintext", gives="ciphertext")
        batch.run(lambda messages: channel.seal_batch(messages, asked.mode, asked.limit))
        if wait and batch.starves():
            return self._feed(channel, batch, asked, wait)
        return batch.reply()

    @routes.add(
        "POST",
        _CHANNEL + "/batch/decrypt",
        scope=Scope.DECRYPT,
        takes=DecryptBatch,
        gives=[DecryptedBatch],
        problems=_ON_CHANNEL,
        idempotent=True,
        secret=True,
        hot=True,
    )
    def decrypt_batch(
        self, token: Token, asked: DecryptBatch, *, service: str, partner: str
    ) -> Reply:
        """Decrypt many messages; each item has a plaintext or an error in its place."""
        channel = self._node.channel(service, partner, owner=token.id)
        batch = Batch(asked.items, takes="ciphertext", gives="plaintext")
        batch.run(channel.open_batch)
        return batch.reply()

    # Keys.

    @routes.add(
        "POST",
        _CHANNEL + "/keys/next",
        scope=Scope.KEY_READ,
        gives=[DeliveredKey],
        problems=(*_ON_CHANNEL, "no_key_yet", "peer_down"),
        waits=True,
        idempotent=True,
        secret=True,
    )
    def next_key(
        self, token: Token, wait: float, *, service: str, partner: str
    ) -> Eventually[DeliveredKey]:
        """Take a fresh key; tell the partner its id, never the key.

        The key is the application's from now on, and nothing is ever encrypted under it here.
        """
        channel = self._node.channel(service, partner, owner=token.id)
        if not wait:
            return take_key(channel)
        return Patience(self._reactor, wait).get(channel, 1, lambda: take_key(channel))

    @routes.add(
        "POST",
        _CHANNEL + "/keys/{key_id}",
        scope=Scope.KEY_READ,
        gives=[DeliveredKey],
        problems=(*_ON_CHANNEL, "unknown_key", "key_used", "key_expired"),
        idempotent=True,
        secret=True,
    )
    def key_by_id(self, token: Token, *, service: str, partner: str, key_id: str) -> DeliveredKey:
        """The key that the partner's application took, by its id; once."""
        if _UUID.fullmatch(key_id) is None:
            raise InvalidRequestError("a key id is a UUID in lower case")
        channel = self._node.channel(service, partner, owner=token.id)
        return deliver(key_id, channel.fetch_key(uuid.UUID(key_id)))

    # The node.

    @routes.add("GET", "/status", gives=[v2_shapes.Node])
    def status(self, token: Token) -> v2_shapes.Node:
        """This node, and the nodes that it knows."""
        return describe_node(self._node)

    @app.route("/events", methods=["GET"])
    def events(self, request: Request) -> bytes | Deferred[bytes]:
        """Server-sent events."""
        ask = ask_of(request, {})
        begun = self._streams.begin(request, lambda: self._desk.admit(None, ask))
        return begun if isinstance(begun, Deferred) else send(request, begun)

    @app.route("/services/<service>/channels/<partner>/stream/<verb>", methods=["POST"])
    def stream(self, request: Request, service: str, partner: str, verb: str) -> bytes:
        """Streams are found before Klein is asked, in their plain spelling only."""
        return send(request, problem_reply(NoSuchPageError("no such path"), request.path))

    @app.route("/openapi.json", methods=["GET"])
    def description(self, request: Request) -> bytes:
        """The description of this interface; asks for no token."""
        if not self._description:
            self._description = openapi(self.routes.operations)
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
            error = MethodError("not with this method", allow=methods)
            return send(request, problem_reply(error, request.path))
        return send(request, problem_reply(NoSuchPageError("no such path"), request.path))

    def answer(self, operation: Operation, ask: Ask) -> Reply | Deferred[Reply]:
        """The answer to a request for an operation of `routes`."""
        return self._desk.answer(self, operation, ask)

    def _service(self, name: str, token: Token) -> Service:
        channels = self._node.channels(name, owner=token.id)
        return Service(name=name, channels=[describe_channel(channel) for channel in channels])

    async def _described_when_ready(self, channel: LinkChannel, wait: float) -> Channel:
        await Patience(self._reactor, wait).has_keys(channel, 1)
        return describe_channel(channel)

    async def _feed(
        self, channel: LinkChannel, batch: Batch, asked: EncryptBatch, wait: float
    ) -> Reply:
        patience = Patience(self._reactor, wait)
        while batch.starves() and await patience.has_keys(channel, 1):
            batch.run(lambda messages: channel.seal_batch(messages, asked.mode, asked.limit))
        return batch.reply()


def _mount(operation: Operation) -> None:
    """Make a Klein route of an operation."""

    def respond(api: RestV2, request: Request, **names: str) -> bytes | Deferred[bytes]:
        reply = api.answer(operation, ask_of(request, names))
        if isinstance(reply, Deferred):
            return reply.addCallback(lambda reply: send(request, reply))
        return send(request, reply)

    rule = operation.path.replace("{", "<").replace("}", ">")
    RestV2.app.route(rule, methods=[operation.method], endpoint=operation.name)(respond)


for _operation in RestV2.routes.operations:
    _mount(_operation)


def _fit(name: str) -> str:
    if len(name) > MAX_NAME or _NAME.fullmatch(name) is None:
        raise ParameterError(
            f"a name has 1 to {MAX_NAME} characters, no control characters, and is not . or .."
        )
    return name
