"""Idempotency keys: the same answer again, one key burnt, secrets wiped in time."""

import tracemalloc
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.rest.desk.idempotency import KEPT, MAX_BYTES, KeptAnswers
from dynamicrypt.rest.desk.refusals import IdempotencyMismatchError
from dynamicrypt.web.reply import Reply
from tests.rest.native import CHANNEL, NativeCase, b64

KEY = b"Idempotency-Key: once"


class RequestTests(NativeCase):
    def test_the_same_request_gets_the_same_answer_and_one_key_is_burnt(self) -> None:
        self.keys(5)
        body = {"plaintext": "", "mode": 2}
        first = self.post("/encrypt", body, KEY)
        self.assertEqual(self.post("/encrypt", body, KEY).body, first.body)
        self.assertEqual(self.channel.store.levels.free, 4)
        self.assertNotEqual(self.post("/encrypt", body, b"Idempotency-Key: 2").body, first.body)
        self.assertNotEqual(self.post("/encrypt", body).body, first.body)

    def test_a_message_that_was_opened_is_given_again(self) -> None:
        self.partner_keys()
        body = {"ciphertext": b64(self.partner.seal(b"hello", 2)[0])}
        for _ in range(2):
            opened = self.ok(self.post("/decrypt", body, KEY))
            self.assertEqual(opened["plaintext"], b64(b"hello"))
        self.problem(self.post("/decrypt", body), "key_used", 410)

    def test_a_key_is_given_again(self) -> None:
        self.keys(2)
        first = self.ok(self.post("/keys/next", {}, KEY))
        self.assertEqual(self.ok(self.post("/keys/next", {}, KEY)), first)

    def test_another_request_under_the_key_is_refused(self) -> None:
        self.keys(5)
        self.post("/encrypt", {"plaintext": ""}, KEY)
        answer = self.post("/encrypt", {"plaintext": "", "mode": 2}, KEY)
        self.problem(answer, "idempotency_mismatch", 422)
        answer = self.post("/batch/encrypt", {"plaintext": ""}, KEY)
        self.problem(answer, "idempotency_mismatch", 422)

    def test_callers_have_keys_of_their_own(self) -> None:
        self.keys(5)
        self.post("/encrypt", {"plaintext": ""}, KEY)
        other = b"Authorization: Bearer other"
        answer = self.post("/encrypt", {"plaintext": ""}, KEY, token=other)
        self.problem(answer, "unknown_service", 404)

    def test_while_the_first_is_under_way_the_second_is_told(self) -> None:
        self.client.send(self.request("/encrypt?wait=2s", {"plaintext": ""}, KEY))
        other = self.another_client()
        answer = self.post("/encrypt", {"plaintext": ""}, KEY, client=other)
        self.assertIn("retry_after_ms", self.problem(answer, "idempotency_in_flight", 409))
        self.keys()
        (first,) = self.client.received()
        self.assertEqual(self.post("/encrypt", {"plaintext": ""}, KEY).body, first.body)

    def test_what_failed_may_be_tried_again(self) -> None:
        self.problem(self.post("/encrypt", {"plaintext": ""}, KEY), "not_opened", 503)
        self.keys()
        self.ok(self.post("/encrypt", {"plaintext": ""}, KEY))

    def test_a_batch_in_which_nothing_succeeded_may_be_tried_again(self) -> None:
        body = {"items": [{"plaintext": ""}, {"plaintext": 5}, {"plaintext": ""}], "mode": 2}
        self.assertEqual(self.codes(body), ["not_opened", "invalid_request", "not_opened"])
        self.keys(2)
        self.assertEqual(self.codes(body), [None, "invalid_request", None])

    def test_a_batch_in_which_something_succeeded_lasts(self) -> None:
        self.keys(1)
        body = {"items": [{"plaintext": ""}, {"plaintext": ""}], "mode": 2}
        first = self.post("/batch/encrypt", body, KEY)
        self.assertEqual(self.codes(body), [None, "not_opened"])
        self.keys(2)
        self.assertEqual(self.post("/batch/encrypt", body, KEY).body, first.body)
        self.assertEqual(self.channel.store.levels.free, 2)

    def codes(self, body: dict[str, Any]) -> list[str | None]:
        """What became of the items of a batch."""
        items = self.ok(self.post("/batch/encrypt", body, KEY))["items"]
        return [item["error"]["code"] if "error" in item else None for item in items]

    def test_who_left_while_it_waited_may_ask_again(self) -> None:
        self.client.send(self.request("/encrypt?wait=2s", {"plaintext": ""}, KEY))
        self.client.close()
        self.keys()
        other = self.another_client()
        self.ok(self.post("/encrypt", {"plaintext": ""}, KEY, client=other))

    def test_after_its_time_a_key_is_new(self) -> None:
        self.keys(5)
        first = self.post("/encrypt", {"plaintext": ""}, KEY)
        self.clock.advance(KEPT - 1)
        again = self.another_client()
        self.assertEqual(
            self.post("/encrypt", {"plaintext": ""}, KEY, client=again).body, first.body
        )
        self.clock.advance(1)
        answer = self.post("/encrypt", {"plaintext": "", "mode": 2}, KEY, client=again)
        self.ok(answer)

    def test_keys_of_another_form_are_refused(self) -> None:
        for value in (b"", b" ", b"x" * 256, b"\xff", b"a\tb"):
            answer = self.post("/encrypt", {"plaintext": ""}, b"Idempotency-Key: " + value)
            self.problem(answer, "invalid_request", 400)
        answer = self.post("/encrypt", {"plaintext": ""}, KEY, KEY)
        self.problem(answer, "invalid_request", 400)

    def test_operations_that_may_be_repeated_anyway_ignore_it(self) -> None:
        for _ in range(2):
            self.ok(self.ask("GET", CHANNEL, None, KEY))


class KeptTests(SynchronousTestCase):
    def test_answers_are_kept_as_long_as_a_message_may_be_late(self) -> None:
        self.assertEqual(KEPT, StoreLimits().late_time)

    def setUp(self) -> None:
        self.clock = Clock()
        self.kept = KeptAnswers(self.clock)

    def give(self, key: bytes, body: bytes, *, secret: bool = False, caller: str = "a") -> None:
        self.assertIsNone(self.kept.begin(caller, key, b"d"))
        self.kept.end(caller, key, Reply(200, body), secret=secret)

    def test_a_secret_answer_is_wiped_when_its_time_is_over(self) -> None:
        self.give(b"k", b"attack at dawn", secret=True)
        memory = self.kept._secrets._memory
        assert memory is not None
        self.assertIn(b"attack at dawn", bytes(memory))
        reply = self.kept.begin("a", b"k", b"d")
        assert reply is not None
        self.assertEqual(reply.body, b"attack at dawn")
        self.clock.advance(KEPT)
        self.assertEqual(bytes(memory), bytes(len(memory)))
        self.assertEqual((len(self.kept), self.clock.getDelayedCalls()), (0, []))

    def test_the_oldest_secrets_go_when_the_memory_is_full(self) -> None:
        for number in range(5):
            self.give(b"%d" % number, bytes([number + 1]) * 600_000, secret=True)
        self.assertIsNone(self.kept.begin("a", b"0", b"d"))
        reply = self.kept.begin("a", b"4", b"d")
        assert reply is not None
        self.assertEqual(reply.body, b"\5" * 600_000)

    def test_the_oldest_answers_go_when_there_are_too_many_bytes(self) -> None:
        for number in range(40):
            self.give(b"%d" % number, bytes(2**20))
        self.assertLess(len(self.kept), 33)
        self.assertRaises(IdempotencyMismatchError, self.kept.begin, "a", b"39", b"other")

    def test_so_do_small_ones_which_take_more_than_their_bytes(self) -> None:
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        for number in range(60_000):
            self.give(number.to_bytes(255, "big"), number.to_bytes(20, "big"))
        used = tracemalloc.get_traced_memory()[0] - before
        self.assertLess(len(self.kept), 60_000)
        self.assertLess(used, MAX_BYTES * 1.05)

    def test_looking_for_what_is_over_costs_no_more_where_many_are_kept(self) -> None:
        for number in range(20_000):
            self.clock.advance(KEPT / 20_000)
            self.give(b"%d" % number, b"")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.clock.advance(KEPT / 1_000)
        self.assertEqual(len(self.kept), 19_980)
        self.assertLess(tracemalloc.get_traced_memory()[1], 20_000)

    def test_a_full_memory_of_secrets_costs_other_answers_nothing(self) -> None:
        self.give(b"first", b"open")
        for number in range(5):
            self.give(b"%d" % number, bytes([number + 1]) * 600_000, secret=True)
        self.assertEqual(self.kept.begin("a", b"first", b"d"), Reply(200, b"open"))
        self.assertLess(len(self.kept), 6)

    def test_one_caller_pushes_out_no_answer_of_another_who_has_few(self) -> None:
        for secret, body in ((True, bytes(700_000)), (False, bytes(2**20))):
            self.give(b"few", b"ten bytes.", secret=secret, caller="b")
            for number in range(40):
                self.give(b"%d %d" % (secret, number), body, secret=secret)
            self.assertEqual(self.kept.begin("b", b"few", b"d"), Reply(200, b"ten bytes."))
            self.kept = KeptAnswers(self.clock)

    def test_a_caller_pushes_out_no_small_answer_of_its_own_by_large_ones(self) -> None:
        self.give(b"small", b"ten bytes.", secret=True)
        for number in range(5):
            self.give(b"%d" % number, bytes(700_000), secret=True)
        self.assertEqual(self.kept.begin("a", b"small", b"d"), Reply(200, b"ten bytes."))

    def test_an_answer_that_is_more_than_a_share_is_not_kept_at_the_cost_of_others(self) -> None:
        for caller in "bcd":
            self.give(b"k", bytes(500_000), secret=True, caller=caller)
        self.give(b"k", bytes(1_040_000), secret=True)
        self.assertIsNone(self.kept.begin("a", b"k", b"d"))
        for caller in "bcd":
            self.assertIsNotNone(self.kept.begin(caller, b"k", b"d"))

    def test_a_request_under_way_is_never_dropped(self) -> None:
        self.kept.begin("a", b"first", b"d")
        for number in range(40):
            self.give(b"%d" % number, bytes(2**20))
        self.kept.end("a", b"first", Reply(200, b"late"), secret=False)
        self.assertEqual(self.kept.begin("a", b"first", b"d"), Reply(200, b"late"))
