"""The fast lane answers as the usual way does, and takes nothing that is not plain."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dynamicrypt.web.fast import FastLane
from tests.rest.native import CHANNEL, UP, NativeCase, b64
from tests.web.talk import HOST, Response, post

JSON = b"Content-Type: application/json"
HEADERS = st.lists(
    st.sampled_from(
        [
            b"Accept: */*",
            b"Connection: keep-alive",
            b"Connection: close",
            b"Content-Type: application/json; charset=utf-8",
            b"Content-Type: text/plain",
            b"Cookie: a=b",
            b"Idempotency-Key: k",
            b"Idempotency-Key: k2",
            b"Idempotency-Key:",
            b"Origin: http://localhost:9081",
            b"Origin: http://evil.example",
            b"Host: evil.example",
            b"X:  odd \t ",
            b"X: \xe9",
            b"Authorization: Bearer sender",
            b"Authorization: bearer  up ",
            b"Authorization: Basic eA==",
            b"Authorization:",
            b"TE: trailers",
        ]
    ),
    max_size=5,
)
BODIES = st.sampled_from(
    [
        json.dumps({"plaintext": b64(b"x")}).encode(),
        json.dumps({"plaintext": b64(b"x"), "mode": 2}).encode(),
        json.dumps({"plaintext": "?", "mode": 1}).encode(),
        json.dumps({"items": [{"plaintext": b64(b"x")}, {}]}).encode(),
        json.dumps({"ciphertext": b64(b"x")}).encode(),
        b"{}",
        b"[",
        b"",
    ]
)
PATHS = st.sampled_from(
    [
        CHANNEL + "/encrypt",
        CHANNEL + "/decrypt",
        CHANNEL + "/batch/encrypt",
        CHANNEL + "/batch/decrypt",
        CHANNEL + "/encrypt?wait=0s",
        CHANNEL + "/encrypt/",
        CHANNEL.replace("bank", "nobody") + "/encrypt",
        CHANNEL.replace("bank", "") + "/encrypt",
        CHANNEL.replace("bank", "b%61nk") + "/encrypt",
        "/v2/services/shop/channels/bank/x/encrypt",
    ]
)


class SameAnswerTests(NativeCase):
    def through(
        self, request: bytes, *, whole: bool
    ) -> list[tuple[int, bytes, dict[bytes, bytes]]]:
        """The answers, from a fresh site, to a request that came in one piece or in two."""
        self.setUp()
        self.keys(3)
        for part in (request,) if whole else (request[:10], request[10:]):
            self.client.send(part)
        answers = [self.plain(answer) for answer in self.client.received()]
        if not self.client.transport.disconnecting:
            self.client.send(post(CHANNEL + "/encrypt", b'{"plaintext":""}', UP, JSON))
            answers += [self.plain(answer) for answer in self.client.received()]
        return answers

    def plain(self, answer: Response) -> tuple[int, bytes, dict[bytes, bytes]]:
        headers = {name: value for name, value in answer.headers.items() if name != b"date"}
        return answer.status, answer.body, headers

    @given(PATHS, BODIES, HEADERS, st.booleans(), st.booleans())
    def test_both_ways_lead_to_the_same_answers(
        self, path: str, body: bytes, headers: list[bytes], known: bool, typed: bool
    ) -> None:
        request = post(path, body, *([UP] if known else []), *([JSON] if typed else []), *headers)
        self.assertEqual(self.through(request, whole=True), self.through(request, whole=False))

    @given(st.integers(0, 300), st.binary(min_size=1, max_size=3), st.booleans())
    def test_so_does_what_was_damaged(self, at: int, junk: bytes, insert: bool) -> None:
        request = post(CHANNEL + "/encrypt", b'{"plaintext":"eA=="}', UP, JSON)
        damaged = request[:at] + junk + request[at + (0 if insert else len(junk)) :]
        self.assertEqual(self.through(damaged, whole=True), self.through(damaged, whole=False))


class TakesTests(NativeCase):
    body = b'{"plaintext":"eA=="}'

    def setUp(self) -> None:
        super().setUp()
        self.keys(3)

    def takes(self, request: bytes) -> bool:
        return self.site.fast.answer(request, None) is not None

    def test_what_clients_send(self) -> None:
        for more in ((JSON,), (JSON, b"Accept: */*", b"Connection: keep-alive", b"X: y")):
            self.assertTrue(self.takes(post(CHANNEL + "/encrypt", self.body, UP, *more)))

    def test_nothing_that_is_less_or_more_than_one_request(self) -> None:
        request = post(CHANNEL + "/encrypt", self.body, UP, JSON)
        for other in (request[:-1], request + b"x", request * 2, b"\r\n" + request, request[1:]):
            self.assertFalse(self.takes(other))

    def test_nothing_that_could_be_read_in_two_ways(self) -> None:
        for header in (
            b"Content-Length: 20",
            b"content-length: 3",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: identity",
            b"Host: localhost",
            b"Authorization: Bearer other",
            b"Folded: a\r\n b",
            b"Bare: a\nb",
            b"Bare: a\rb",
            b"Name : space",
            b"No colon",
            b"Expect: 100-continue",
            b"Upgrade: h2c",
            b"Connection: close",
            b"Connection: keep-alive, Upgrade",
        ):
            self.assertFalse(
                self.takes(post(CHANNEL + "/encrypt", self.body, UP, JSON, header)), header
            )
        request = post(CHANNEL + "/encrypt", self.body, UP, JSON)
        for old, new in (
            (b"HTTP/1.1", b"HTTP/1.0"),
            (b"POST", b"post"),
            (b"Content-Length: 20", b"Content-Length: +20"),
            (b"Content-Length: 20", b"Content-Length: 2_0"),
            (b"Content-Length: 20\r\n", b""),
            (HOST, b""),
            (b"localhost", b"evil.example"),
            (b"/v2/", b"//v2/"),
            (b"/v2/", b"http://localhost:9081/v2/"),
        ):
            self.assertFalse(self.takes(request.replace(old, new)), new)

    def test_a_token_that_was_revoked_opens_nothing_although_its_head_is_remembered(self) -> None:
        request = post(CHANNEL + "/encrypt", self.body, UP, JSON)
        self.ok(self.client.ask(request))
        self.tokens._fixed.clear()
        self.problem(self.client.ask(request), "auth_required", 401)

    def test_heads_that_are_remembered_are_bounded_and_hold_no_token(self) -> None:
        calls: list[Any] = []
        lane = FastLane(lambda path: (calls.append, {}), body=100)
        for number in range(3000):
            more = b"X: %d\r\nContent-Type: application/json" % number
            with self.assertRaises(AssertionError):
                lane.answer(post("/p", b"", b"Authorization: Bearer secret", more), None)
        self.assertLessEqual(len(lane._heads), 1024)
        self.assertNotIn("secret", repr(lane._heads))
        self.assertEqual(len(calls), 3000)

    def test_a_fault_is_an_answer_too(self) -> None:
        self.node.error = ZeroDivisionError()
        answer = self.client.ask(post(CHANNEL + "/encrypt", self.body, UP, JSON))
        self.problem(answer, "internal_error", 500)
