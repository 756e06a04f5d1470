"""The desk: the way that every request of an operation goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Coroutine, Sequence
from hashlib import sha256
from time import perf_counter
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from dynamicrypt.access.rate import RateLimits
from dynamicrypt.access.tokens import Scope, Token, Tokens
from dynamicrypt.errors import DynamiCryptError, ParameterError, UnauthorisedError
from dynamicrypt.rest.desk.counters import RestCounters
from dynamicrypt.rest.desk.idempotency import Clock, KeptAnswers
from dynamicrypt.rest.desk.operation import Operation, Result
from dynamicrypt.rest.desk.problem import problem_reply
from dynamicrypt.web.fault import log_fault
from dynamicrypt.web.refusals import InternalError
from dynamicrypt.web.reply import Ask, Reply
from dynamicrypt.web.schema import InvalidRequestError, Nothing, encode, parse

#: The longest that a request waits for a key (s).
MAX_WAIT: Final = 30.0
_WAIT_FORM: Final = re.compile(rb"([0-9]{1,5})(ms|s)")
#: RFC 9110's visible characters and spaces, of a length that fits a head.
_KEY_FORM: Final = re.compile(rb"[!-~]([ -~]{0,253}[!-~])?")


class Desk:
    """Where every request of an operation is let in, carried out and answered.

    In this order: the token, its scope, its rate; the idempotency key; the body; the handler.
    """

    def __init__(self, tokens: Tokens, *, clock: Clock, rate: float) -> None:
        self._tokens = tokens
        self._rates = RateLimits(rate, clock.seconds)
        self._kept = KeptAnswers(clock)
        self.counters: Final = RestCounters()

    def admit(self, scope: Scope | None, ask: Ask) -> Token:
        """The caller, who may do this now.

        Raises UnauthorisedError, ScopeError, RateLimitedError.
        """
        return self.count(self.holder(scope, ask))

    def holder(self, scope: Scope | None, ask: Ask) -> Token:
        """The caller, who may do this; raises UnauthorisedError, ScopeError."""
        try:
            token = self._tokens.holder(ask.credential, ask.uid)
        except UnauthorisedError:
            self.counters.auth_failures += 1
            raise
        token.require(scope)
        return token

    def count(self, token: Token) -> Token:
        """Count one request of the caller; raises RateLimitedError."""
        self._rates.take(token)
        return token

    def answer(self, api: object, operation: Operation, ask: Ask) -> Reply | Deferred[Reply]:
        """The answer to a request, whatever happens."""
        return self.counted(operation.name, lambda: self._answer(api, operation, ask))

    def counted(
        self, operation: str, work: Callable[[], Reply | Deferred[Reply]]
    ) -> Reply | Deferred[Reply]:
        """Do the work, and count it as an operation."""
        began = perf_counter()

        def count(reply: Reply) -> Reply:
            self.counters.count(operation, reply.result, perf_counter() - began)
            return reply

        reply = work()
        return count(reply) if isinstance(reply, Reply) else reply.addCallback(count)

    def _answer(self, api: object, operation: Operation, ask: Ask) -> Reply | Deferred[Reply]:
        try:
            token = self.admit(operation.scope, ask)
            key = _idempotency_key(ask.idempotency_keys) if operation.idempotent else None
            if key is None:
                return self._carry_out(api, operation, ask, token)
            return self._once(api, operation, ask, token, key)
        except DynamiCryptError as error:
            return problem_reply(error, ask.path)

    def _once(
        self, api: object, operation: Operation, ask: Ask, token: Token, key: bytes
    ) -> Reply | Deferred[Reply]:
        target = b"%b %b\n" % (ask.method, ask.path)
        known = self._kept.begin(token.id, key, sha256(target + ask.body).digest())
        if known is not None:
            return known
        reply = self._carry_out(api, operation, ask, token)
        if isinstance(reply, Reply):
            self._kept.end(token.id, key, reply, secret=operation.secret)
            return reply

        def done(reply: Reply) -> Reply:
            self._kept.end(token.id, key, reply, secret=operation.secret)
            return reply

        def gone(failure: Failure) -> Failure:
            self._kept.forget(token.id, key)
            return failure

        return reply.addCallbacks(done, gone)

    def _carry_out(
        self, api: object, operation: Operation, ask: Ask, token: Token
    ) -> Reply | Deferred[Reply]:
        given: list[Any] = [token]
        try:
            check_query(ask.query, waits=operation.waits)
            if operation.takes is not None:
                given.append(parse(operation.takes, ask.body, exact=True))
            elif ask.body:
                parse(Nothing, ask.body, exact=True)
            if operation.waits:
                given.append(wait_of(ask.waits))
            result = operation.handler(api, *given, **ask.names)
        except DynamiCryptError as error:
            return problem_reply(error, ask.path)
        except Exception:
            return _fault(Failure(), ask)
        if isinstance(result, Coroutine):
            return self._finish(Deferred.fromCoroutine(result), operation, ask)
        return _reply(operation, result)

    @staticmethod
    def _finish(later: Deferred[Result], operation: Operation, ask: Ask) -> Deferred[Reply]:
        def fail(failure: Failure) -> Reply | Failure:
            if isinstance(failure.value, CancelledError):
                return failure  # the client left; there is nobody to tell
            if isinstance(failure.value, DynamiCryptError):
                return problem_reply(failure.value, ask.path)
            return _fault(failure, ask)

        return later.addCallbacks(lambda result: _reply(operation, result), fail)


def check_query(names: Collection[bytes], *, waits: bool) -> None:
    """Refuse parameters that an operation does not have; raises InvalidRequestError."""
    if names and (not waits or set(names) != {b"wait"}):
        has = "`wait` and nothing else" if waits else "no parameters"
        raise InvalidRequestError(f"the query of this operation has {has}")


def wait_of(values: Sequence[bytes]) -> float:
    """Seconds of the query's `wait`, such as 2s or 500ms.

    Raises InvalidRequestError for one of another form, ParameterError for one that is too long.
    """
    if not values:
        return 0.0
    match = _WAIT_FORM.fullmatch(values[0]) if len(values) == 1 else None
    seconds = 0.0 if match is None else int(match[1]) / (1 if match[2] == b"s" else 1000)
    if match is None:
        raise InvalidRequestError(f"wait is a time such as 2s or 500ms, up to {MAX_WAIT:g}s")
    if seconds > MAX_WAIT:
        raise ParameterError(f"wait is {MAX_WAIT:g}s at most")
    return seconds


def _idempotency_key(values: Sequence[bytes] | None) -> bytes | None:
    """The Idempotency-Key of a request; raises InvalidRequestError."""
    if values is None:
        return None
    if len(values) != 1 or _KEY_FORM.fullmatch(values[0]) is None:
        raise InvalidRequestError("an idempotency key is 1 to 255 visible characters")
    return values[0]


def _reply(operation: Operation, result: Result) -> Reply:
    if isinstance(result, Reply):
        return result
    if result is None:
        return Reply(204, b"")
    if isinstance(result, tuple):
        status, shape = result
        return Reply(status, encode(shape))
    return Reply(operation.statuses[0], encode(result))


def _fault(failure: Failure, ask: Ask) -> Reply:
    log_fault(failure)
    return problem_reply(InternalError("a fault of the node"), ask.path)
