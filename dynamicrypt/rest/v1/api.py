"""REST v1: the routes of the thesis' program, for the applications that were written for it.

docs/rest-v1.md says where this differs from the 2019 program: no request is answered with 500 and
the text of an exception, `sync` and `status` tell the truth, and `exit` works at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import wraps
from math import ceil
from typing import TYPE_CHECKING, Final, TypeAlias

from klein import Klein
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.http import OK
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from dynamicrypt.access.refusals import RateLimitedError, ScopeError
from dynamicrypt.access.tokens import ANONYMOUS, CHALLENGE, Scope, Token
from dynamicrypt.errors import (
    BadCiphertextError,
    DynamiCryptError,
    KeyExpiredError,
    KeyUsedError,
    MessageTooLargeError,
    NoKeyYetError,
    ParameterError,
    SynchronisationError,
    UnauthorisedError,
    UnknownKeyError,
    UnknownServiceError,
    UnsupportedModeError,
    WrongChannelError,
)
from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.desk import Desk
from dynamicrypt.rest.v1.dialect import NO_ROUTE, internal_error
from dynamicrypt.rest.v1.shapes import (
    ENCRYPT,
    Encrypt,
    Exit,
    Init,
    InitConfig,
    Left,
    Opened,
    Outcome,
    Refused,
    Registered,
    Sealed,
    Status,
    Sync,
)
from dynamicrypt.web.reply import JSON, TEXT, Ask, Reply, ask_of, send
from dynamicrypt.web.schema import InvalidRequestError, MalformedBodyError, Shape, encode, parse

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_FAILED_DECRYPT: Final = Refused(error="failed_decrypt")
#: What an application of the thesis expects to read for an error, whatever the route.
_ERRORS: Final[Mapping[type[Exception], DataclassInstance]] = {
    MalformedBodyError: Refused(error="invalid request"),
    InvalidRequestError: Refused(error="invalid request"),
    ParameterError: Refused(error="invalid request"),
    UnsupportedModeError: Refused(error="invalid request"),
    UnknownServiceError: Refused(error="service_not_found"),
    NoKeyYetError: Refused(error="wait"),
    BadCiphertextError: _FAILED_DECRYPT,
    KeyUsedError: _FAILED_DECRYPT,
    KeyExpiredError: _FAILED_DECRYPT,
    UnknownKeyError: _FAILED_DECRYPT,
    WrongChannelError: _FAILED_DECRYPT,
}
_NO: Final = Outcome(status=0)
#: What a route says instead, by the shape of its request.
_ERRORS_OF: Final[Mapping[type, Mapping[type[Exception], DataclassInstance]]] = {
    InitConfig: {UnknownServiceError: _NO},
    Sync: {UnknownServiceError: _NO, SynchronisationError: _NO, ParameterError: _NO},
    Status: {InvalidRequestError: _NO},
    Exit: {UnknownServiceError: Refused(error="service_name not found")},
}
#: Status of an answer, where it is not 200: the thesis' program knew no other for errors.
_CODES: Final[Mapping[type[Exception], int]] = {
    MalformedBodyError: 400,
    UnauthorisedError: 401,
    ScopeError: 403,
    RateLimitedError: 429,
}

#: Names the key of a sealed message, for people who watch; a name is no secret.
KEY_HEADER: Final = b"DynamiCrypt-Key"

#: Bytes of a message to encrypt. As base64 in lines, each LF written as \n, it grows to 1.37 times
#: its size, and must then fit a request body (web.limits.Limits) to be decrypted.
MAX_MESSAGE: Final = 700 * 1024

#: Endpoints that applications call for every message.
HOT: Final = frozenset({"encrypt", "status"})

_OK: Final = Reply(200, b"ok", TEXT)
_WRONG_METHOD: Final = Reply(405, b"Method Not Allowed", TEXT)
_NO_OPTION: Final = Reply(403, b"This is not the route you are looking for ", TEXT)


Answer: TypeAlias = (
    "DataclassInstance | Keyed | Coroutine[Deferred[None], object, DataclassInstance]"
)
Handler: TypeAlias = "Callable[[RestV1, Shape, Token], Answer]"
Route: TypeAlias = "Callable[[RestV1, Request], bytes | Deferred[bytes]]"

#: What answers the requests for an endpoint, by its name.
ANSWERS: Final[dict[str, Callable[[RestV1, Ask], Reply | Deferred[Reply]]]] = {}
#: Who asks where no token is needed.
_ANYBODY: Final = Token(id=ANONYMOUS, digest=b"")


def reads(shape: type[Shape]) -> Callable[[Handler[Shape]], Route]:
    """Make a route of a method that takes its request as a `shape`, and the caller.

    Here, and only here, callers are authorised and errors become answers.
    """
    errors = {**_ERRORS, **_ERRORS_OF.get(shape, {})}

    def refuse(error: DynamiCryptError) -> Reply:
        known = (errors[kind] for kind in type(error).__mro__ if kind in errors)
        body = encode(next(known, Refused(error=error.code)))
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if isinstance(error, UnauthorisedError):
            headers = ((b"WWW-Authenticate", CHALLENGE),)
        elif isinstance(error, RateLimitedError):
            headers = ((b"Retry-After", b"%d" % max(1, ceil(error.wait))), *error.headers)
        return Reply(_CODES.get(type(error), OK), body, JSON, headers, error.code)

    def fail(failure: Failure) -> Reply | Failure:
        if isinstance(failure.value, DynamiCryptError):
            return refuse(failure.value)
        if isinstance(failure.value, CancelledError):
            return failure  # the client left; Klein has nobody to tell
        return internal_error(failure)

    def decorate(handler: Handler[Shape]) -> Route:
        operation = f"v1_{handler.__name__}"

        def answer(api: RestV1, ask: Ask) -> Reply | Deferred[Reply]:
            return api.counted(operation, lambda: carry_out(api, ask))

        def carry_out(api: RestV1, ask: Ask) -> Reply | Deferred[Reply]:
            try:
                caller = api.caller(ask)
                result = handler(api, parse(shape, ask.body), caller)
            except DynamiCryptError as error:
                return refuse(error)
            except Exception:
                return internal_error(Failure())
            if isinstance(result, Coroutine):
                return Deferred.fromCoroutine(result).addCallbacks(_reply, fail)
            return _reply(result)

        @wraps(handler)
        def respond(api: RestV1, request: Request) -> bytes | Deferred[bytes]:
            reply = answer(api, ask_of(request, {}))
            if isinstance(reply, Deferred):
                return reply.addCallback(lambda reply: send(request, reply))
            return send(request, reply)

        ANSWERS[handler.__name__] = answer
        return respond

    return decorate


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """A sealed message, and the name of its key for a header: the thesis fixed the body."""

    sealed: Sealed
    key: str


def _reply(result: DataclassInstance | Keyed) -> Reply:
    if isinstance(result, Keyed):
        return Reply(OK, encode(result.sealed), JSON, ((KEY_HEADER, result.key.encode("ascii")),))
    return Reply(OK, encode(result))


class RestV1:
    """The routes below /v1; `open` to callers without a token (`--api-auth none`), or not."""

    app = Klein()

    def __init__(self, node: Node, desk: Desk, *, open: bool) -> None:  # noqa: A002 - it says it
        self._node = node
        self._desk = desk
        self._open = open

    def caller(self, ask: Ask) -> Token:
        """Who asks: the holder of its token, or ANONYMOUS where none is needed.

        On a UNIX socket the system tells who it is, token or not.
        """
        if self._open and ask.uid is None:
            return self._desk.count(_ANYBODY)
        return self._desk.admit(None, ask)

    def counted(
        self, operation: str, work: Callable[[], Reply | Deferred[Reply]]
    ) -> Reply | Deferred[Reply]:
        """Do the work, and count it as an operation."""
        return self._desk.counted(operation, work)

    def answer(self, endpoint: str, ask: Ask) -> Reply | Deferred[Reply]:
        """The answer to a request for an endpoint."""
        return ANSWERS[endpoint](self, ask)

    @app.route("/options/test-ok", methods=["GET"])
    def test_ok(self, request: Request) -> bytes:
        """Say that the service is there; asks for no token and tells nothing else."""
        return send(request, _OK)

    @app.route("/options/init", methods=["POST"])
    @reads(Init)
    def init(self, wanted: Init, caller: Token) -> Registered:
        """Register a service."""
        got = self._node.register(wanted.service_name, owner=caller.id, wire=wanted.wire)
        return Registered(
            service_name=got.name, address_of_this_tpm=got.address, port_of_this_tpm=got.port
        )

    @app.route("/options/init_config", methods=["POST"])
    @reads(InitConfig)
    def init_config(self, pair: InitConfig, caller: Token) -> Outcome:
        """Name the partner of a service."""
        self._node.configure(pair.service_name, pair.partner_name, owner=caller.id)
        return Outcome(status=1)

    @app.route("/options/sync", methods=["POST"])
    @reads(Sync)
    async def sync(self, wanted: Sync, caller: Token) -> Outcome:
        """Dial the partner; answers once it has accepted."""
        names = wanted.service_name, wanted.partner_name
        place = wanted.address_of_other_tpm, wanted.port_of_other_tpm
        await self._node.synchronise(*names, *place, owner=caller.id, wire=wanted.wire)
        return Outcome(status=1)

    @app.route("/options/status", methods=["POST"])
    @reads(Status)
    def status(self, asked: Status, caller: Token) -> Outcome:
        """Say whether the machines of a service synchronise now."""
        return Outcome(status=int(self._node.is_synchronising(asked.service_name, owner=caller.id)))

    @app.route("/options/encrypt", methods=["POST"])
    @reads(Encrypt)
    def encrypt(self, asked: Encrypt, caller: Token) -> Keyed | Opened:
        """Encrypt or decrypt one message."""
        name, text, mode = asked.service_name, asked.message, asked.mode
        if asked.hash is not None and asked.operation != ENCRYPT:
            caller.require(Scope.DECRYPT)
            plain = self._node.decrypt(name, text, asked.hash, mode, owner=caller.id)
            return Opened(message=plain, mode=mode)
        caller.require(Scope.ENCRYPT)
        if len(text.encode()) > MAX_MESSAGE:
            raise MessageTooLargeError(f"{MAX_MESSAGE} bytes are the most")
        sealed = self._node.encrypt(name, text, mode, owner=caller.id)
        answer = Sealed(message=sealed.message, hash=sealed.hash, mode=mode)
        return Keyed(sealed=answer, key=sealed.key)

    @app.route("/options/exit", methods=["POST"])
    @reads(Exit)
    def exit(self, asked: Exit, caller: Token) -> Left:
        """Remove a service, its channels and its keys."""
        self._node.remove(asked.service_name, owner=caller.id)
        return Left()

    @app.route("/options/<option>", methods=["POST"])
    def no_option(self, request: Request, option: str) -> bytes:
        """Answer as the thesis' program does to options that it does not have."""
        return send(request, _NO_OPTION)

    @app.handle_errors(HTTPException)  # type: ignore[arg-type]  # klein: IRequest; ours is wider
    def no_route(self, request: Request, failure: Failure) -> bytes:
        """Answer what Werkzeug found no route for; it would send a page of HTML."""
        if isinstance(failure.value, MethodNotAllowed):
            methods = ", ".join(sorted(failure.value.valid_methods or ()))
            request.setHeader(b"Allow", methods.encode("ascii"))
            return send(request, _WRONG_METHOD)
        return send(request, NO_ROUTE)
