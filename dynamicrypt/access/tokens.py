"""Bearer tokens (RFC 6750) of the API: who holds one, and what it is good for."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from dynamicrypt.access.refusals import ScopeError
from dynamicrypt.errors import TokenFileError, UnauthorisedError
from dynamicrypt.location import TOKEN_FILE
from dynamicrypt.peer.statedir import StateDirectory

#: The caller where no token is asked for; no token has this id.
ANONYMOUS: Final = "anonymous"
#: Id of the token in the state directory.
OWNER: Final = "owner"
#: RFC 6750, section 3.
CHALLENGE: Final = b'Bearer realm="dynamicrypt"'

# The prefix lets scanners of repositories and logs recognise a token that leaked.
_PREFIX: Final = "dct_"
_TOKEN: Final = re.compile(rb"dct_[A-Za-z0-9_-]{43}")
_BEARER: Final = re.compile(rb"bearer +([!-~]+) *", re.IGNORECASE)


class Scope(StrEnum):
    """What a token may be good for; services and channels of its own every token may have."""

    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    #: To get keys themselves.
    KEY_READ = "key:read"
    #: To read /metrics, which names the channels of all.
    METRICS = "metrics"
    #: Everything, and to see the events of all.
    ADMIN = "admin"


EVERYTHING: Final = frozenset({Scope.ADMIN})
#: Other users of a UNIX socket: whom the person let at it may use it.
_USES: Final = frozenset({Scope.ENCRYPT, Scope.DECRYPT, Scope.KEY_READ})


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What the service keeps of a token: who holds it, its SHA-256, and what it is good for."""

    #: Services belong to this; several tokens of one application have the same.
    id: str
    digest: bytes
    scopes: frozenset[Scope] = EVERYTHING
    #: Requests a second; None for the limit of the site.
    rate: float | None = None

    def require(self, scope: Scope | None) -> None:
        """Raise ScopeError unless the token has the scope, or ADMIN."""
        if scope is not None and scope not in self.scopes and Scope.ADMIN not in self.scopes:
            raise ScopeError(f"the token lacks the scope {scope.value}")


def _none() -> Mapping[bytes, Token]:
    return {}


class Tokens:
    """The tokens that open the API: fixed ones, and what `issued` returns at the moment."""

    def __init__(
        self,
        tokens: Sequence[Token],
        issued: Callable[[], Mapping[bytes, Token]] = _none,
    ) -> None:
        self._fixed = {token.digest: token for token in tokens}
        self._issued = issued

    def holder(self, credential: bytes | None, uid: int | None = None) -> Token:
        """The token of a request, by its digest, or what stands for one on a UNIX socket.

        A process there needs no token, for the system tells its user: the node's own and root may
        do everything, others who may open the socket what applications do. Raises
        UnauthorisedError. Digests are looked up: what a stopwatch tells about a digest is no help
        to find a token.
        """
        if credential is not None:
            token = self._fixed.get(credential) or self._issued().get(credential)
            if token is not None and compare_digest(token.digest, credential):
                return token
        elif uid is not None:
            scopes = EVERYTHING if uid in {0, os.geteuid()} else _USES
            return Token(id=f"uid:{uid}", digest=b"", scopes=scopes)
        raise UnauthorisedError("no valid token")


def credential_of(authorization: Sequence[bytes] | None) -> bytes | None:
    """SHA-256 of the bearer token in the Authorization headers of a request; None without any.

    What is there but no bearer token is the digest of nothing that was ever issued.
    """
    if authorization is None:
        return None
    given = _BEARER.fullmatch(authorization[0]) if len(authorization) == 1 else None
    return b"" if given is None else digest_of(given[1])


def digest_of(token: bytes) -> bytes:
    """What is kept of a token; 256 random bits need no slow hash."""
    return sha256(token).digest()


def make_token() -> str:
    """A new token: 256 random bits."""
    return f"{_PREFIX}{secrets.token_urlsafe(32)}"


def load_owner(state: StateDirectory) -> Token:
    """The owner's token of a state directory; at first start it is made and written.

    The token is 256 random bits in a file that its owner alone reads; of two processes that start
    at once, both use the token of one. Raises StateFileError for a file that others may read, and
    TokenFileError for one that holds no token.
    """
    try:
        text = state.read(TOKEN_FILE)
    except FileNotFoundError:
        with suppress(FileExistsError):
            state.create(TOKEN_FILE, f"{make_token()}\n".encode("ascii"))
        text = state.read(TOKEN_FILE)
    token = text.removesuffix(b"\n")
    if _TOKEN.fullmatch(token) is None:
        raise TokenFileError(f"{state.path / TOKEN_FILE} does not hold a token")
    return Token(id=OWNER, digest=digest_of(token))
