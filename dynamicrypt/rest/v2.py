"""REST v2, the native interface: services, channels, messages, keys and the state of the node.

A route parses, asks the node and encodes; all that requests have in common is rest.operation's.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Coroutine
from typing import Final, TypeAlias, TypeVar

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Elapsed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from dynamicrypt import __version__
from dynamicrypt.errors import NoKeyYetError, ParameterError
from dynamicrypt.keys.pieces import DEFAULT_PIECES
from dynamicrypt.keys.pool_key import Mode
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.node import Node
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.rest.batch import Batch
from dynamicrypt.rest.events import EventStreams
from dynamicrypt.rest.fixed import TEXT
from dynamicrypt.rest.openapi import openapi
from dynamicrypt.rest.operation import Desk, Operation, RouteTable
from dynamicrypt.rest.problem import page, problem_reply
from dynamicrypt.rest.refusals import MethodError, NoSuchPageError
from dynamicrypt.rest.reply import Ask, Reply, ask_of, send
from dynamicrypt.rest.schema import InvalidRequestError, to_base64
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
    KeyLevels,
    Machine,
    OpenChannel,
    Opened,
    Peer,
    Piece,
    Sealed,
    Service,
    Services,
    Split,
)
from dynamicrypt.rest.v2_shapes import (
    Node as NodeShape,
)

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
        return 200 if partner in names else 201, _describe(channel)

    @routes.add("GET", _CHANNEL, gives=[Channel], problems=_ON_CHANNEL, waits=True)
    def get_channel(
        self, token: Token, wait: float, *, service: str, partner: str
    ) -> Eventually[Channel]:
        """A channel: its state, its keys and its machines.

        With `wait` the answer comes once a key is ready, or when that time is over.
        """
        channel = self._node.channel(service, partner, owner=token.id)
        return self._described_when_ready(channel, wait) if wait else _describe(channel)

    @routes.add("DELETE", _CHANNEL, statuses=(204,), problems=_ON_CHANNEL)
    def close_channel(self, token: Token, *, service: str, partner: str) -> None:
        """Close a channel and erase its keys."""
        self._node.close_channel(service, partner, owner=token.id)

    @routes.add("POST", _CHANNEL + "/start", gives=[Channel], problems=_ON_CHANNEL)
    def start_channel(self, token: Token, *, service: str, partner: str) -> Channel:
        """Let the machines synchronise again."""
        channel = self._node.channel(service, partner, owner=token.id)
        channel.start()
        return _describe(channel)

    @routes.add("POST", _CHANNEL + "/stop", gives=[Channel], problems=_ON_CHANNEL)
    def stop_channel(self, token: Token, *, service: str, partner: str) -> Channel:
        """Stop synchronising; keys that are ready stay usable until they expire."""
        channel = self._node.channel(service, partner, owner=token.id)
        channel.stop()
        return _describe(channel)

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
            return _seal(channel, asked)
        needed = (asked.pieces or DEFAULT_PIECES) if asked.mode == Mode.SPLIT else 1
        return self._patiently(channel, needed, wait, lambda: _seal(channel, asked))

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
            return _take_key(channel)
        return self._patiently(channel, 1, wait, lambda: _take_key(channel))

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
        return _deliver(key_id, channel.fetch_key(uuid.UUID(key_id)))

    # The node.

    @routes.add("GET", "/status", gives=[NodeShape])
    def status(self, token: Token) -> NodeShape:
        """This node, and the nodes that it knows."""
        status = self._node.status()
        return NodeShape(
            name=status.name,
            fingerprint=show(status.fingerprint),
            profile=status.profile,
            version=__version__,
            incarnation=self._node.incarnation.hex(),
            peers=[
                Peer(
                    name=peer.name,
                    fingerprint=show(peer.fingerprint),
                    up=peer.up,
                    group=peer.group or None,
                    round_trip_seconds=peer.round_trip,
                    channels=peer.channels,
                )
                for peer in status.peers
            ],
        )

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
        return Service(name=name, channels=[_describe(channel) for channel in channels])

    async def _patiently(
        self, channel: LinkChannel, needed: int, wait: float, attempt: Callable[[], T]
    ) -> T:
        """What `attempt` returns, once there is a key for it; NoKeyYetError after `wait`."""
        deadline = self._reactor.seconds() + wait
        while True:
            try:
                return attempt()
            except NoKeyYetError:
                if not await self._has_keys(channel, needed, deadline):
                    raise

    async def _has_keys(self, channel: LinkChannel, needed: int, deadline: float) -> bool:
        left = deadline - self._reactor.seconds()
        if left <= 0:
            return False
        try:
            await channel.when_ready(needed).addTimeout(left, self._reactor)
        except Elapsed:
            return False
        return True

    async def _described_when_ready(self, channel: LinkChannel, wait: float) -> Channel:
        await self._has_keys(channel, 1, self._reactor.seconds() + wait)
        return _describe(channel)

    async def _feed(
        self, channel: LinkChannel, batch: Batch, asked: EncryptBatch, wait: float
    ) -> Reply:
        deadline = self._reactor.seconds() + wait
        while batch.starves() and await self._has_keys(channel, 1, deadline):
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


def _seal(channel: LinkChannel, asked: Encrypt) -> Sealed | Split:
    mode = asked.mode
    if mode == Mode.SPLIT:
        if asked.limit:
            raise ParameterError("only mode 3 has a limit")
        envelopes = channel.seal(
            asked.plaintext, mode, asked.context, pieces=asked.pieces or DEFAULT_PIECES
        )
        return Split(
            mode=mode,
            pieces=[Piece(key_id=_key_id(each), ciphertext=to_base64(each)) for each in envelopes],
        )
    if asked.pieces:
        raise ParameterError("only mode 4 has pieces")
    (envelope,) = channel.seal(asked.plaintext, mode, asked.context, limit=asked.limit)
    return Sealed(mode=mode, key_id=_key_id(envelope), ciphertext=to_base64(envelope))


def _key_id(envelope: bytes) -> str:
    """The id of an envelope's key as a UUID; `uuid` takes four times as long."""
    text = envelope[4:20].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _take_key(channel: LinkChannel) -> DeliveredKey:
    key_id, key = channel.take_key()
    return _deliver(str(key_id), key)


def _deliver(key_id: str, key: bytearray) -> DeliveredKey:
    try:
        return DeliveredKey(key_id=key_id, key=to_base64(key))
    finally:
        key[:] = bytes(len(key))


def _describe(channel: LinkChannel) -> Channel:
    status = channel.describe()
    levels = status.levels
    return Channel(
        service=channel.name.service,
        partner=channel.name.partner,
        peer=show(channel.peer),
        state=status.state,
        reason=status.reason,
        profile=status.profile,
        keys=KeyLevels(
            offered=levels.offered, free=levels.free, in_use=levels.in_use, held=levels.held
        ),
        keys_made=status.keys_made,
        rounds=status.rounds,
        machines=[
            Machine(id=each.id, state=each.state, run=each.run, steps=each.steps)
            for each in status.machines
        ],
    )
