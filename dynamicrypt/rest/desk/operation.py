"""The operations of REST v2: what each takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from twisted.internet.defer import Deferred

from dynamicrypt.access.tokens import Scope
from dynamicrypt.web.reply import Reply

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
#: What a handler gives now, or later for who would wait.
Eventually: TypeAlias = "T | Coroutine[Deferred[None], object, T]"
#: A shape; a status other than the first of the operation, and a shape; or None for an empty body.
Result: TypeAlias = "DataclassInstance | tuple[int, DataclassInstance] | Reply | None"
Handler: TypeAlias = Callable[..., "Eventually[Result]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of the route table.

    The handler takes the API, the token, the request's shape where there is one, the seconds that
    the caller would wait where the operation waits, and the named parts of the path.
    """

    name: str
    method: str
    #: Below /v2, names in braces.
    path: str
    handler: Handler
    scope: Scope | None
    takes: type[DataclassInstance] | None
    gives: Sequence[type[DataclassInstance]]
    #: Statuses of success.
    statuses: Sequence[int]
    #: Codes of the problems that only some operations have.
    problems: Sequence[str]
    waits: bool
    idempotent: bool
    #: The answer holds plaintext or a key.
    secret: bool
    #: Asked for every message: has a short way past Klein (web.fast).
    hot: bool

    @property
    def summary(self) -> str:
        """First line of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]

    @property
    def description(self) -> str:
        """The rest of it."""
        return " ".join((self.handler.__doc__ or "").partition("\n")[2].split())


class RouteTable:
    """Collects operations as the methods of an API are defined."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def add(
        self,
        method: str,
        path: str,
        *,
        scope: Scope | None = None,
        takes: type[DataclassInstance] | None = None,
        gives: Sequence[type[DataclassInstance]] = (),
        statuses: Sequence[int] = (200,),
        problems: Sequence[str] = (),
        waits: bool = False,
        idempotent: bool = False,
        secret: bool = False,
        hot: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Make a method the handler of an operation; its name is the operation's."""

        def decorate(handler: Handler) -> Handler:
            self.operations.append(
                Operation(
                    name=handler.__name__,
                    method=method,
                    path=path,
                    handler=handler,
                    scope=scope,
                    takes=takes,
                    gives=gives,
                    statuses=statuses,
                    problems=problems,
                    waits=waits,
                    idempotent=idempotent,
                    secret=secret,
                    hot=hot,
                )
            )
            return handler

        return decorate
