"""One request of REST v1 or v2, well-formed as HTTP, to the real routes, services and channels.

An input looks like a request: the name of a token (or - for none), method and target in the first
line, then headers if any, an empty line, and the body. What HTTP needs beside is added.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.answers import Answer, read_answers
from tests.fuzz.documented import Native, Thesis, is_native
from tests.fuzz.request_seeds import seeds
from tests.fuzz.world import (
    LIMITS,
    PLAINTEXT,
    PLAINTEXT_BASE64,
    Faults,
    World,
    token,
)
from tests.web.talk import Client

__all__ = ["Server", "one_input", "read_input", "seeds"]

_FIRST = re.compile(rb"([a-z]+|-) ([A-Z]{1,8}) (/[!-~]*)")
_HEADER = re.compile(rb"([A-Za-z-]+): ?([\t -~\x80-\xff]*)")
#: Headers of the connection, which tests.fuzz.connection is for, and what is added.
_FRAME = frozenset(
    b"host content-length transfer-encoding connection expect upgrade te authorization".split()
)
#: How an answer is waited for (s).
_PATIENCE = (0.1, 0.9, 4.0, 5.0, 10.0, 10.0, 10.0)
#: Inputs that one world sees at most.
_USES = 1000
_THESIS = Thesis(Path(__file__).parents[2] / "docs" / "rest-v1.md")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    who: str
    method: str
    target: bytes
    headers: tuple[bytes, ...]
    body: bytes

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]

    @property
    def open(self) -> bytes:
        """What an error may quote: the target, the names of fields, and that of a peer."""
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            return self.target
        return b"\n".join([self.target, *map(_told, content), _told(content.get("peer"))])

    @property
    def as_sent(self) -> bytes:
        """The bytes on the connection."""
        lines = [b"%b %b HTTP/1.1" % (self.method.encode(), self.target), b"Host: localhost:9081"]
        if self.who != "-":
            lines.append(b"Authorization: Bearer " + token(self.who).encode())
        names = {line.partition(b":")[0].lower() for line in self.headers}
        if b"content-type" not in names:
            kind = b"octet-stream" if b"/stream/" in self.path else b"json"
            lines.append(b"Content-Type: application/" + kind)
        lines += [*self.headers, b"Content-Length: %d" % len(self.body), b"", b""]
        return b"\r\n".join(lines) + self.body


def _told(value: object) -> bytes:
    return str(value).encode("utf-8", "replace")


def read_input(data: bytes) -> Asked | None:
    """The request of an input; None for one that is none."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    match = _FIRST.fullmatch(first)
    headers = [_HEADER.fullmatch(line) for line in lines if line]
    if match is None or not all(headers) or len(body) > LIMITS.body + 1:
        return None
    if any(header is not None and header[1].lower() in _FRAME for header in headers):
        return None
    who, method, target = match.groups()
    return Asked(who.decode(), method.decode(), target, tuple(filter(None, lines)), body)


class Server:
    """A world, and what its description says; a new one where the last one was changed."""

    def __init__(self) -> None:
        self._world = World()
        self._uses = 0
        description = Asked("-", "GET", b"/v2/openapi.json", (), b"")
        self._native = Native(json.loads(self._ask(description).body))

    def take(self, asked: Asked) -> Answer:
        """Ask, check the answer and what is left behind, and return the answer."""
        self._uses += 1
        if not self._world.unchanged or self._uses > _USES:
            self._world, self._uses = World(), 0
        before = self._world.state()
        with Faults() as faults:
            answer = self._ask(asked)
        faults.check()
        assert not self._world.debts(), f"left behind: {self._world.debts()}"
        self._check(asked, answer)
        if answer.status >= 400:
            assert self._world.state() == before, "a refused request changed something"
        return answer

    def _ask(self, asked: Asked) -> Answer:
        client = Client(self._world.site)
        client.send(asked.as_sent)
        for seconds in _PATIENCE:
            if client.transport.value():
                break
            self._world.reactor.advance(seconds)
        (answer,) = read_answers(client.transport.value())
        client.close()
        self._world.wait()
        return answer

    def _check(self, asked: Asked, answer: Answer) -> None:
        if is_native(asked.path):
            self._native.check(asked.method, asked.path, answer)
        else:
            _THESIS.check(asked.method, asked.path, answer)
        if not answer.whole:
            assert asked.path.endswith((b"/stream/decrypt", b"/v2/events")), "a cut answer"
        told = answer.body + b"".join(answer.headers.values())
        assert b"dct_" not in told.replace(asked.path, b""), "a token in an answer"
        if _opens(asked, answer):
            _check_opened(answer)
        else:
            for secret in (PLAINTEXT, PLAINTEXT_BASE64):
                assert secret in asked.open or secret not in told, "a plaintext in an answer"


def _opens(asked: Asked, answer: Answer) -> bool:
    """Whether plaintexts belong in the answer."""
    decrypts = asked.path.endswith((b"/decrypt", b"/encrypt"))
    return answer.status == 200 and decrypts and b'"ciphertext"' not in answer.body


def _check_opened(answer: Answer) -> None:
    """Only what the partner sealed opens, and that was always the same."""
    if answer.headers[b"content-type"] == b"application/json":
        content = json.loads(answer.body)
        for opened in content.get("items", [content]):
            plain = opened.get("plaintext", opened.get("message"))
            if plain is not None and "hash" not in opened:
                assert plain.encode() in {PLAINTEXT, PLAINTEXT_BASE64}, "a forgery has opened"


_server = Server()


def one_input(data: bytes) -> None:
    """Make one request; anything but a documented answer ends the run."""
    asked = read_input(data)
    if asked is not None:
        _server.take(asked)
