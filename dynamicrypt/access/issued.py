"""The tokens of applications: issued and revoked by a person, kept hashed in a file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from twisted.logger import Logger

from dynamicrypt.access.tokens import Scope, Token, Tokens, digest_of, load_owner, make_token
from dynamicrypt.errors import DynamiCryptError, ParameterError, TokenFileError
from dynamicrypt.peer.statedir import FileVersion, StateDirectory

#: Name of the file in the state directory.
ISSUED_FILE: Final = "tokens"
#: How long (s) a running node may go on with a token that was revoked.
REREAD: Final = 1.0

_VERSION: Final = 1
_APP: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FIELDS: Final = frozenset({"app", "sha256", "scopes", "rate"})
_MAX_RATE: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token that an application has.

    Services belong to the application, so a new token can take over while the old one still holds.
    """

    app: str
    digest: bytes
    scopes: frozenset[Scope]
    #: Requests a second; None for the site's limit.
    rate: int | None = None

    def __post_init__(self) -> None:
        if _APP.fullmatch(self.app) is None:
            raise ParameterError("an application has a name of a-z, 0-9, dot, dash, underscore")
        if not self.scopes:
            raise ParameterError("a token has a scope at least")
        if self.rate is not None and not 1 <= self.rate <= _MAX_RATE:
            raise ParameterError(f"a rate is in 1..{_MAX_RATE} requests a second")

    @property
    def token(self) -> Token:
        """The token as requests meet it."""
        return Token(id=f"app:{self.app}", digest=self.digest, scopes=self.scopes, rate=self.rate)


class TokenFile:
    """The tokens of applications in a state directory; any process of the user may change them."""

    def __init__(self, state: StateDirectory) -> None:
        self._state = state

    def read(self) -> list[IssuedToken]:
        """All tokens, oldest first; raises TokenFileError, StateFileError."""
        try:
            return _decode(self._state.read(ISSUED_FILE))
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise TokenFileError(f"{self._state.path / ISSUED_FILE}: {error}") from None

    def issue(self, app: str, scopes: Iterable[Scope], *, rate: int | None = None) -> str:
        """Make a token for an application, beside those that it has; it is shown this once.

        Raises ParameterError.
        """
        token = make_token()
        issued = IssuedToken(
            app=app,
            digest=digest_of(token.encode("ascii")),
            scopes=frozenset(scopes),
            rate=rate,
        )
        self._update(lambda tokens: [*tokens, issued])
        return token

    def revoke(self, app: str, *, keep_newest: bool = False) -> int:
        """Revoke the tokens of an application, all or all but the newest; returns how many."""
        revoked = 0

        def change(tokens: list[IssuedToken]) -> list[IssuedToken]:
            nonlocal revoked
            gone = [token for token in tokens if token.app == app]
            if keep_newest:
                gone = gone[:-1]
            revoked = len(gone)
            return [token for token in tokens if token not in gone]

        self._update(change)
        return revoked

    def version(self) -> FileVersion | None:
        """What changes when the file does."""
        return self._state.version(ISSUED_FILE)

    def _update(self, change: Callable[[list[IssuedToken]], list[IssuedToken]]) -> None:
        with self._state.lock():
            self._state.replace(ISSUED_FILE, _encode(change(self.read())))


class IssuedTokens:
    """The tokens of applications as the file has them, looked at once a second at most."""

    _log = Logger()

    def __init__(self, file: TokenFile, seconds: Callable[[], float]) -> None:
        self._file = file
        self._seconds = seconds
        self._look_at = float("-inf")
        self._version: FileVersion | None = None
        self._tokens: Mapping[bytes, Token] = {}
        #: What was told last of a file that is no good.
        self._fault = ""

    def current(self) -> Mapping[bytes, Token]:
        """Tokens by digest. While the file is broken there are none: it opens no door."""
        now = self._seconds()
        if now >= self._look_at:
            self._look_at = now + REREAD
            try:
                version = self._file.version()
                if version != self._version:
                    # What cannot be read now may be readable soon, and be no other version then.
                    self._version, self._tokens = None, {}
                    self._tokens = {each.digest: each.token for each in self._file.read()}
                    self._version = version
                self._fault = ""
            except DynamiCryptError as error:
                self._tell(str(error))
        return self._tokens

    def _tell(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            self._log.error("tokens of applications are refused: {fault}", fault=fault)


def load_tokens(state: StateDirectory, seconds: Callable[[], float]) -> Tokens:
    """The owner's token, made at first start, and those of applications, whenever they change.

    Raises StateFileError and TokenFileError where a file is no good to start with.
    """
    file = TokenFile(state)
    file.read()
    return Tokens([load_owner(state)], IssuedTokens(file, seconds).current)


def _encode(tokens: list[IssuedToken]) -> bytes:
    entries = [
        {
            "app": each.app,
            "sha256": each.digest.hex(),
            "scopes": sorted(each.scopes),
            "rate": each.rate,
        }
        for each in tokens
    ]
    return json.dumps({"version": _VERSION, "tokens": entries}, indent=2).encode() + b"\n"


def _decode(content: bytes) -> list[IssuedToken]:
    try:
        document = json.loads(content)
    except RecursionError:
        raise ValueError("no JSON") from None
    if not isinstance(document, dict) or document.keys() != {"version", "tokens"}:
        raise ValueError("it has `version` and `tokens` and nothing else")
    if type(document["version"]) is not int or document["version"] != _VERSION:
        raise ValueError(f"it is not of version {_VERSION}")
    if not isinstance(document["tokens"], list):
        raise ValueError("`tokens` is no list")
    return [_entry(entry) for entry in document["tokens"]]


def _entry(entry: Any) -> IssuedToken:
    if not isinstance(entry, dict) or entry.keys() != _FIELDS:
        raise ValueError(f"an entry has the fields {', '.join(sorted(_FIELDS))}")
    app, digest, scopes, rate = (entry[name] for name in ("app", "sha256", "scopes", "rate"))
    if not isinstance(app, str) or not isinstance(digest, str) or not isinstance(scopes, list):
        raise ValueError("an entry has a field of the wrong type")
    if len(digest) != 64 or (rate is not None and type(rate) is not int):
        raise ValueError("an entry has a field of the wrong type")
    return IssuedToken(
        app=app,
        digest=bytes.fromhex(digest),
        scopes=frozenset(Scope(scope) for scope in scopes),
        rate=rate,
    )
