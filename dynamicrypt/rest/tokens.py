"""Bearer tokens (RFC 6750) of the API, and the file that keeps the owner's."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Final

from dynamicrypt.errors import TokenFileError, UnauthorisedError

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


def load_tokens(directory: Path) -> Tokens:
    """The tokens of a state directory; at first start its owner's token is made and written.

    The file holds 256 random bits, is readable by its owner alone, and appears whole or not at
    all, also when two processes start at once. Raises TokenFileError where it is not to be trusted.
    """
    path = directory / FILE_NAME
    if not os.path.lexists(path):
        _create(path)
    return Tokens([Token(id=OWNER, digest=sha256(_read(path)).digest())])


def _create(path: Path) -> None:
    token = _PREFIX + secrets.token_urlsafe(32)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(draft, flags, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(token.encode("ascii") + b"\n")
                file.flush()
                os.fsync(descriptor)
            # A link never replaces: who comes second uses the first one's token.
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            os.unlink(draft)
    except OSError as error:
        raise TokenFileError(f"cannot write {path}: {error.strerror}") from None


def _read(path: Path) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(path, flags), "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
                raise TokenFileError(f"{path} is not a file of the user that runs the service")
            if facts.st_mode & 0o077:
                mode = stat.S_IMODE(facts.st_mode)
                raise TokenFileError(f"{path} is open to others (mode {mode:04o}, not 0600)")
            text = file.read(256)
    except OSError as error:
        raise TokenFileError(f"cannot read {path}: {error.strerror}") from None
    token = text.removesuffix(b"\n")
    if _TOKEN.fullmatch(token) is None:
        raise TokenFileError(f"{path} does not hold a token")
    return token
