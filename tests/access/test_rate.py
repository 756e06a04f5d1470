"""How often one caller may ask."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.access.rate import RateLimits
from dynamicrypt.access.refusals import RateLimitedError
from dynamicrypt.access.tokens import Scope
from tests.rest.native import NativeCase, token
from tests.web.talk import post

SLOW = b"Authorization: Bearer slow"


class AnswerTests(NativeCase):
    def test_who_asks_too_often_is_told_when_to_come_back(self) -> None:
        for _ in range(2):
            self.ok(self.ask("GET", "/v2/services", token=SLOW))
        answer = self.ask("GET", "/v2/services", token=SLOW)
        self.assertEqual(self.problem(answer, "rate_limited", 429)["retry_after_ms"], 500)
        self.assertEqual(answer.headers[b"retry-after"], b"1")
        self.assertEqual(answer.headers[b"ratelimit-policy"], b'"requests";q=2;w=1')
        self.assertEqual(answer.headers[b"ratelimit"], b'"requests";r=0;t=1')
        self.ok(self.ask("GET", "/v2/services"))
        self.clock.advance(0.5)
        self.ok(self.ask("GET", "/v2/services", token=SLOW, client=self.another_client()))

    def test_v1_and_v2_count_together(self) -> None:
        for _ in range(2):
            self.client.ask(post("/v1/options/status", b"{}", SLOW))
        answer = self.client.ask(post("/v1/options/status", b"{}", SLOW))
        self.assertEqual((answer.status, answer.body), (429, b'{"error":"rate_limited"}'))
        self.assertEqual(answer.headers[b"retry-after"], b"1")
        self.problem(self.ask("GET", "/v2/services", token=SLOW), "rate_limited", 429)


class BucketTests(SynchronousTestCase):
    @given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 10))
    def test_no_more_than_rate_and_burst_in_any_time(self, pauses: list[float], rate: int) -> None:
        clock = Clock()
        limits = RateLimits(rate, clock.seconds)
        taken: list[float] = []
        for pause in pauses:
            clock.advance(pause)
            try:
                limits.take(token("t", Scope.ADMIN))
            except RateLimitedError:
                continue
            taken.append(clock.seconds())
        for first, start in enumerate(taken):
            for last, end in enumerate(taken[first:], first):
                self.assertLessEqual(last - first + 1, rate * (end - start) + rate + 1e-6)

    def test_callers_do_not_share(self) -> None:
        limits = RateLimits(1, Clock().seconds)
        for name in ("a", "b"):
            limits.take(token(name, Scope.ADMIN))
        self.assertRaises(RateLimitedError, limits.take, token("a", Scope.ADMIN))
