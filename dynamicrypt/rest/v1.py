"""REST v1: the routes of the thesis' program, for the applications that were written for it.

Where this differs from the 2019 program, DESIGN.md, section 7 says why: no request is answered
with 500, `sync` and `status` tell the truth, and `exit` works at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias, cast

from klein import Klein
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.http import OK
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

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
from dynamicrypt.rest.fault import internal_error
from dynamicrypt.rest.fixed import NO_ROUTE, TEXT, FixedAnswer
from dynamicrypt.rest.schema import (
    ENCRYPT,
    Encrypt,
    Exit,
    Init,
    InitConfig,
    InvalidRequestError,
    Left,
    MalformedBodyError,
    Opened,
    Outcome,
    Refused,
    Registered,
    Sealed,
    Shape,
    Status,
    Sync,
    encode,
    parse,
)
from dynamicrypt.rest.tokens import ANONYMOUS, CHALLENGE, Tokens

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

#: What an application of the thesis expects to read for an error, whatever the route.
_ERRORS: Final[Mapping[type[Exception], DataclassInstance]] = {
    MalformedBodyError: Refused(error="invalid request"),
    InvalidRequestError: Refused(error="invalid request"),
    ParameterError: Refused(error="invalid request"),
    UnsupportedModeError: Refused(error="invalid request"),
    UnknownServiceError: Refused(error="service_not_found"),
    NoKeyYetError: Refused(error="wait"),
    BadCiphertextError: Refused(error="failed_decrypt"),
    KeyUsedError: Refused(error="failed_decrypt"),
    KeyExpiredError: Refused(error="failed_decrypt"),
    UnknownKeyError: Refused(error="failed_decrypt"),
    WrongChannelError: Refused(error="failed_decrypt"),
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
_CODES: Final[Mapping[type[Exception], int]] = {MalformedBodyError: 400, UnauthorisedError: 401}

#: Names the key of a sealed message, for people who watch; a name is no secret.
KEY_HEADER: Final = b"DynamiCrypt-Key"

#: Bytes of a message to encrypt. As base64 in lines, each LF written as \n, it grows to 1.37 times
#: its size, and must then fit a request body (rest.channel.Limits) to be decrypted.
MAX_MESSAGE: Final = 700 * 1024

#: Endpoints that applications call for every message.
HOT: Final = frozenset({"encrypt", "status"})

_OK: Final = FixedAnswer(200, b"ok", TEXT)
_WRONG_METHOD: Final = FixedAnswer(405, b"Method Not Allowed", TEXT)
_NO_OPTION: Final = FixedAnswer(403, b"This is not the route you are looking for ", TEXT)


Answer: TypeAlias = "DataclassInstance | Coroutine[Deferred[None], object, DataclassInstance]"
Handler: TypeAlias = "Callable[[RestV1, Shape, str], Answer]"
Route: TypeAlias = "Callable[[RestV1, Request], bytes | Deferred[bytes]]"


def reads(shape: type[Shape]) -> Callable[[Handler[Shape]], Route]:
    """Make a route of a method that takes its request as a `shape`, and the caller.

    Here, and only here, callers are authorised and errors become answers.
    """
    errors = {**_ERRORS, **_ERRORS_OF.get(shape, {})}

    def refuse(request: Request, error: DynamiCryptError) -> DataclassInstance:
        request.setResponseCode(_CODES.get(type(error), OK))
        if isinstance(error, UnauthorisedError):
            request.setHeader(b"WWW-Authenticate", CHALLENGE)
        known = (errors[kind] for kind in type(error).__mro__ if kind in errors)
        return next(known, Refused(error=error.code))

    def fail(request: Request, failure: Failure) -> bytes | Failure:
        if isinstance(failure.value, DynamiCryptError):
            return send(request, refuse(request, failure.value))
        if isinstance(failure.value, CancelledError):
            return failure  # the client left; Klein has nobody to tell
        return internal_error(request, failure)

    def decorate(handler: Handler[Shape]) -> Route:
        @wraps(handler)
        def respond(api: RestV1, request: Request) -> bytes | Deferred[bytes]:
            try:
                caller = api.caller(request)
                answer = handler(api, parse(shape, body_of(request)), caller)
            except DynamiCryptError as error:
                answer = refuse(request, error)
            if isinstance(answer, Coroutine):
                later = Deferred.fromCoroutine(answer)
                return later.addCallbacks(partial(send, request), partial(fail, request))
            return send(request, answer)

        return respond

    return decorate


def body_of(request: Request) -> bytes:
    """The body of a request that has arrived completely."""
    return cast("BinaryIO", request.content).read()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """A sealed message, and the name of its key for a header: the thesis fixed the body."""

    sealed: Sealed
    key: str


def send(request: Request, answer: DataclassInstance) -> bytes:
    """The body of an answer, its length announced: Klein would send it in chunks."""
    if isinstance(answer, Keyed):
        request.setHeader(KEY_HEADER, answer.key.encode("ascii"))
        answer = answer.sealed
    body = encode(answer)
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body


class RestV1:
    """The routes below /v1."""

    app = Klein()

    def __init__(self, node: Node, tokens: Tokens | None) -> None:
        self._node = node
        self._tokens = tokens

    def caller(self, request: Request) -> str:
        """Who asks: the id of its token, or ANONYMOUS where none is needed."""
        if self._tokens is None:
            return ANONYMOUS
        return self._tokens.holder(request.requestHeaders.getRawHeaders(b"Authorization"))

    @app.route("/options/test-ok", methods=["GET"])
    def test_ok(self, request: Request) -> bytes:
        """Say that the service is there; asks for no token and tells nothing else."""
        return _OK.render(request)

    @app.route("/options/init", methods=["POST"])
    @reads(Init)
    def init(self, wanted: Init, caller: str) -> Registered:
        """Register a service."""
        got = self._node.register(wanted.service_name, owner=caller, wire=wanted.wire)
        return Registered(
            service_name=got.name, address_of_this_tpm=got.address, port_of_this_tpm=got.port
        )

    @app.route("/options/init_config", methods=["POST"])
    @reads(InitConfig)
    def init_config(self, pair: InitConfig, caller: str) -> Outcome:
        """Name the partner of a service."""
        self._node.configure(pair.service_name, pair.partner_name, owner=caller)
        return Outcome(status=1)

    @app.route("/options/sync", methods=["POST"])
    @reads(Sync)
    async def sync(self, wanted: Sync, caller: str) -> Outcome:
        """Dial the partner; answers once it has accepted."""
        names = wanted.service_name, wanted.partner_name
        place = wanted.address_of_other_tpm, wanted.port_of_other_tpm
        await self._node.synchronise(*names, *place, owner=caller, wire=wanted.wire)
        return Outcome(status=1)

    @app.route("/options/status", methods=["POST"])
    @reads(Status)
    def status(self, asked: Status, caller: str) -> Outcome:
        """Say whether the machines of a service synchronise now."""
        return Outcome(status=int(self._node.is_synchronising(asked.service_name, owner=caller)))

    @app.route("/options/encrypt", methods=["POST"])
    @reads(Encrypt)
    def encrypt(self, asked: Encrypt, caller: str) -> Keyed | Opened:
        """Encrypt or decrypt one message."""
        name, text, mode = asked.service_name, asked.message, asked.mode
        if asked.hash is not None and asked.operation != ENCRYPT:
            plain = self._node.decrypt(name, text, asked.hash, mode, owner=caller)
            return Opened(message=plain, mode=mode)
        if len(text.encode()) > MAX_MESSAGE:
            raise MessageTooLargeError(f"{MAX_MESSAGE} bytes are the most")
        sealed = self._node.encrypt(name, text, mode, owner=caller)
        answer = Sealed(message=sealed.message, hash=sealed.hash, mode=mode)
        return Keyed(sealed=answer, key=sealed.key)

    @app.route("/options/exit", methods=["POST"])
    @reads(Exit)
    def exit(self, asked: Exit, caller: str) -> Left:
        """Remove a service, its channels and its keys."""
        self._node.remove(asked.service_name, owner=caller)
        return Left()

    @app.route("/options/<option>", methods=["POST"])
    def no_option(self, request: Request, option: str) -> bytes:
        """Answer as the thesis' program does to options that it does not have."""
        return _NO_OPTION.render(request)

    @app.handle_errors(HTTPException)  # type: ignore[arg-type]  # klein: IRequest; ours is wider
    def no_route(self, request: Request, failure: Failure) -> bytes:
        """Answer what Werkzeug found no route for; it would send a page of HTML."""
        if isinstance(failure.value, MethodNotAllowed):
            methods = ", ".join(sorted(failure.value.valid_methods or ()))
            request.setHeader(b"Allow", methods.encode("ascii"))
            return _WRONG_METHOD.render(request)
        return NO_ROUTE.render(request)
