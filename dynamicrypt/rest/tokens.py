"""Bearer tokens (RFC 6750) of the API, and the file that keeps the owner's."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from dynamicrypt.errors import TokenFileError, UnauthorisedError
from dynamicrypt.peer.statedir import StateDirectory

#: The caller where no token is asked for; no token has this id.
ANONYMOUS: Final = "anonymous"
#: Id of the token in the state directory.
OWNER: Final = "owner"
#: Name of the file in the state directory.
FILE_NAME: Final = "token"
#: RFC 6750, section 3.
CHALLENGE: Final = b'Bearer realm="dynamicrypt"'

# The prefix lets scanners of repositories and logs recognise a token that leaked.
_PREFIX: Final = "dct_"
_TOKEN: Final = re.compile(rb"dct_[A-Za-z0-9_-]{43}")
_BEARER: Final = re.compile(rb"bearer +([!-~]+) *", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What the service keeps of a token: who holds it, and its SHA-256."""

    id: str
    digest: bytes


class Tokens:
    """The tokens that open the API."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._tokens = tuple(tokens)

    def holder(self, authorization: Sequence[bytes] | None) -> str:
        """Id of the token in the Authorization headers of a request.

        Raises UnauthorisedError. Digests are compared, each in constant time: what a stopwatch
        tells about a digest is no help to find a token.
        """
        if authorization is not None and len(authorization) == 1:
            given = _BEARER.fullmatch(authorization[0])
            if given is not None:
                digest = sha256(given[1]).digest()
                for token in self._tokens:
                    if compare_digest(token.digest, digest):
                        return token.id
        raise UnauthorisedError("no valid token")


def load_tokens(state: StateDirectory) -> Tokens:
    """The tokens of a state directory; at first start its owner's token is made and written.

    The token is 256 random bits in a file that its owner alone reads; of two processes that start
    at once, both use the token of one. Raises StateFileError for a file that others may read, and
    TokenFileError for one that holds no token.
    """
    try:
        text = state.read(FILE_NAME)
    except FileNotFoundError:
        with suppress(FileExistsError):
            state.create(FILE_NAME, f"{_PREFIX}{secrets.token_urlsafe(32)}\n".encode("ascii"))
        text = state.read(FILE_NAME)
    token = text.removesuffix(b"\n")
    if _TOKEN.fullmatch(token) is None:
        raise TokenFileError(f"{state.path / FILE_NAME} does not hold a token")
    return Tokens([Token(id=OWNER, digest=sha256(token).digest())])
