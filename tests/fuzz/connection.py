"""Raw bytes on a connection to the API: the fast lane must answer as the ordinary way does.

An input is what a client sends; a line of two tildes stands between what comes in one read and what
comes in the next. In it TOKEN is a token that may do everything, and LENGTH the length of what
follows the head in the same read, so that small changes leave a request whole.
"""

import re
from base64 import b64encode
from typing import NamedTuple

from tests.fuzz.answers import Answer, read_answers
from tests.fuzz.world import CHANNEL, PLAINTEXT, PLAINTEXT_BASE64, Faults, World, token
from tests.web.talk import Client

BOUNDARY = b"\n~~\n"
TOKEN = token("up").encode()
#: Reads of one input, and bytes of each, at most.
_READS = 16
_BYTES = 8192
#: How an answer is waited for (s).
_PATIENCE = (0.1, 0.9, 4.0, 10.0, 10.0, 10.0)
#: Inputs that one pair of worlds sees at most.
_USES = 1000
#: What is another each time: digits behind a name, times, the mark of the process; headers; pieces.
_RANDOM = re.compile(
    rb'[0-9]{6}(?=","address_of_this_tpm")|(?<=_seconds_sum)[^\n]*|(?<=id: )[0-9a-f]{8}(?=-)'
)
_PASSING = {b"date", b"dynamicrypt-stream"}
_PIECE = re.compile(rb'(?<="ciphertext":")[^"]*')


class Outcome(NamedTuple):
    """What came of an input."""

    answers: list[Answer]
    #: The server ended the connection, or cut it.
    ended: bool
    cut: bool


class Side:
    """A world of its own, with or without a fast lane."""

    def __init__(self, *, fast: bool) -> None:
        self._fast = fast
        self.world = World(fast=fast)

    def renew(self) -> None:
        """Begin anew."""
        self.world = World(fast=self._fast)

    def take(self, reads: list[bytes]) -> Outcome:
        """Send the bytes on a new connection, and leave."""
        client = Client(self.world.site)
        channel, transport = client.channel, client.transport
        assert channel is not None
        for data in reads:
            if transport.disconnecting:
                break
            client.send(data)
        for seconds in _PATIENCE:
            if not channel._handlingRequest or transport.disconnecting:
                break
            self.world.reactor.advance(seconds)
        client.close()
        self.world.wait()
        assert not self.world.debts(), f"left behind: {self.world.debts()}"
        answers = [_comparable(answer) for answer in read_answers(transport.value())]
        return Outcome(answers, transport.disconnecting, transport.aborted)


def _comparable(answer: Answer) -> Answer:
    headers = {name: value for name, value in answer.headers.items() if name not in _PASSING}
    body = _RANDOM.sub(b"", answer.body)
    if b'"pieces":' in body:
        body = _PIECE.sub(b"", body)
    if body != answer.body:
        headers.pop(b"content-length", None)
    return Answer(answer.status, headers, body, answer.whole)


class Pair:
    """Two sides that see the same inputs."""

    def __init__(self) -> None:
        self._sides = Side(fast=True), Side(fast=False)
        self._uses = 0

    def take(self, reads: list[bytes]) -> list[Answer]:
        """Compare what both answer, and return it."""
        self._uses += 1
        if self._uses > _USES or not all(side.world.unchanged for side in self._sides):
            self._uses = 0
            for side in self._sides:
                side.renew()
        with Faults() as faults:
            fast, usual = (side.take(reads) for side in self._sides)
        faults.check()
        assert fast == usual, f"fast: {fast}\nusual: {usual}"
        assert self._sides[0].world.state() == self._sides[1].world.state()
        for answer in fast.answers:
            assert answer.status < 500 or answer.status in {501, 503}, answer
            told = answer.body + b"".join(answer.headers.values())
            if answer.status >= 400:
                sent = b"".join(reads).replace(TOKEN, b"").replace(PLAINTEXT, b"")
                assert TOKEN not in told or TOKEN in sent
        return fast.answers


def read_input(data: bytes) -> list[bytes]:
    """The reads of an input."""
    reads = data.replace(b"TOKEN", TOKEN).split(BOUNDARY)[:_READS]
    return [_measured(read[:_BYTES]) for read in reads if read]


def _measured(read: bytes) -> bytes:
    head, blank, body = read.partition(b"\r\n\r\n")
    return head.replace(b"LENGTH", b"%d" % len(body)) + blank + body


_pair = Pair()


def one_input(data: bytes) -> None:
    """Send one input; a failure, or two different answers, end the run."""
    _pair.take(read_input(data))


def request(
    target: str, body: bytes, *headers: bytes, method: str = "POST", length: bytes = b"LENGTH"
) -> bytes:
    """A plain request, as clients send it."""
    lines = [
        f"{method} {target} HTTP/1.1".encode(),
        b"Host: localhost:9081",
        b"Authorization: Bearer TOKEN",
        b"Content-Type: application/json",
        *([b"Content-Length: " + length] if length else []),
        *headers,
        b"",
        b"",
    ]
    return b"\r\n".join(lines) + body


def seeds() -> list[bytes]:
    """Return plain requests of the fast lane, and whole, cut, chunked and crooked others."""
    encrypt, decrypt = f"{CHANNEL}/encrypt", f"{CHANNEL}/decrypt"
    body = b'{"plaintext":"%b"}' % PLAINTEXT_BASE64
    many = body.replace(b"}", b',"mode":4,"pieces":6}')
    sealed = World().bank.seal(PLAINTEXT, 2)[0]
    v1 = b'{"service_name":"alice","message":"%b","operation":0,"mode":1}' % PLAINTEXT
    plain = request(encrypt, body)
    exact = request(encrypt, body, length=b"%d" % len(body))
    keyed = request(encrypt, body, b"Idempotency-Key: once")
    chunked = request(encrypt, b"", b"Transfer-Encoding: chunked", length=b"")
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    hello = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    crooked = [
        plain.replace(old, new)
        for old, new in (
            (b"HTTP/1.1", b"HTTP/1.0"),
            (b"POST", b"post"),
            (b"Host: localhost:9081\r\n", b""),
            (b"localhost", b"[::1]"),
            (b"localhost", b"evil.example"),
            (b": LENGTH", b": +LENGTH"),
            (b": LENGTH", b": 99999999999999999999"),
            (b": LENGTH", b": 4097"),
            (b"Content-Length: LENGTH", b"Content-Length: LENGTH\r\nContent-Length: LENGTH"),
            (b"bank", b"b%61nk"),
            (b"/encrypt", b"//encrypt"),
            (b" /v2", b" http://localhost/v2"),
            (b"/json", b"/json; charset=utf-8"),
            (b"Host:", b"Host :"),
            (b"\r\n", b"\n"),
            (b"Bearer ", b"bearer  "),
        )
    ]
    extended = [
        request(encrypt, body, header)
        for header in (
            b"Connection: close",
            b"Connection: keep-alive",
            b"Expect: 100-continue",
            b"Transfer-Encoding: chunked",
            b"Idempotency-Key: once",
            b"Origin: http://localhost:9081",
            b"Upgrade: h2c",
            b"TE: trailers",
            b"Folded: a\r\n b",
            b"Cookie: a=\xe9",
        )
    ]
    return [
        plain,
        exact * 2,
        exact[:30] + BOUNDARY + exact[30:],
        plain + BOUNDARY + plain,
        hello + exact + hello,
        chunked + chunks,
        chunked + BOUNDARY + chunks[:9] + BOUNDARY + chunks[9:] + exact,
        chunked + b"fffffffffffffffff\r\n",
        keyed + BOUNDARY + keyed + BOUNDARY + plain,
        request(f"{encrypt}?wait=1s", many, length=b"%d" % len(many)) + exact,
        request(encrypt, body.replace(b"}", b',"mode":4,"pieces":2}')),
        request(decrypt, b'{"ciphertext":"%b"}' % b64encode(sealed)),
        request(f"{CHANNEL}/batch/encrypt", b'{"items":[%b,{}]}' % body),
        request(f"{CHANNEL}/batch/decrypt", b'{"items":[]}'),
        request(f"{CHANNEL}/stream/encrypt", PLAINTEXT).replace(b"json", b"octet-stream"),
        request("/v1/options/encrypt", v1),
        request("/v1/options/status", b'{"service_name":"alice"}'),
        request("/v2/events", b"", method="GET", length=b""),
        request("/v2/status", b"", method="HEAD", length=b"") + hello,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n" + plain,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 70 + b"\r\n",
        *crooked,
        *extended,
    ]
