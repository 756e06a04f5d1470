"""Bodies of any length: in and out at the same time, in constant memory."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from dynamicrypt.keys.stream import StreamOpener, StreamSealer
from dynamicrypt.web.limits import Limits
from tests.rest.native import CHANNEL, UP, NativeCase, b64
from tests.rest.v2.test_events import unchunk
from tests.web.talk import HOST, Client, Response, read_responses

BYTES = b"Content-Type: application/octet-stream"
BODY = bytes(range(256)) * 1000


class StreamCase(NativeCase):
    limits = Limits(body=1000)

    def setUp(self) -> None:
        super().setUp()
        self.keys(3)
        self.partner_keys(3)

    def head(self, verb: str, length: int | None, *headers: bytes) -> bytes:
        size = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
        lines = b"".join(line + b"\r\n" for line in (size, *headers))
        return f"POST {CHANNEL}/stream/{verb} HTTP/1.1\r\n".encode() + HOST + lines + b"\r\n"

    def plain_head(self, verb: str, length: int | None, *more: bytes) -> bytes:
        return self.head(verb, length, UP, BYTES, *more)

    def answer(self, client: Client | None = None) -> Response:
        data = (client or self.client).transport.value()
        (client or self.client).transport.clear()
        return self.read(data)

    def read(self, data: bytes) -> Response:
        head, _, body = data.partition(b"\r\n\r\n")
        self.assertIn(b"Transfer-Encoding: chunked", head)
        self.assertIn(b"Content-Type: application/octet-stream", head)
        self.assertRegex(head, rb"\r\nDate: ")
        return Response(int(head[9:12]), {}, unchunk(body))

    def opened(self, stream: bytes, context: bytes = b"") -> bytes:
        opener = StreamOpener(self.partner.cipher, context)
        return opener.update(stream, 0.0) + opener.finish(0.0)

    def sealed(self, body: bytes, context: bytes = b"") -> bytes:
        sealer = StreamSealer(self.partner.cipher, context, 0.0)
        return sealer.header + sealer.update(body) + sealer.finish()


class EncryptTests(StreamCase):
    def test_a_body_far_above_the_limit_comes_out_sealed(self) -> None:
        self.client.send(self.plain_head("encrypt", len(BODY)) + BODY)
        answer = self.answer()
        self.assertEqual((answer.status, self.opened(answer.body)), (200, BODY))

    def test_the_head_says_for_how_long_it_opens(self) -> None:
        self.clock.advance(100.5)
        client = self.another_client()
        client.send(self.plain_head("encrypt", 2) + b"hi")
        head, _, _ = client.transport.value().partition(b"\r\n\r\n")
        self.assertRegex(head, rb"(?i)\r\ndynamicrypt-expires-in: 619\r\n")

    def test_the_answer_begins_before_the_request_ends(self) -> None:
        self.client.send(self.plain_head("encrypt", len(BODY)) + BODY[:140_000])
        early = self.client.transport.value()
        self.assertGreater(len(early), 2 * 65536)
        self.client.send(BODY[140_000:])
        self.assertEqual(self.opened(self.answer().body), BODY)

    @settings(max_examples=25)
    @given(
        st.sampled_from([0, 1, 65535, 65536, 65537, 131072, 200_000]),
        st.sampled_from([1000, 65536, 99_999, 300_000]),
        st.booleans(),
    )
    def test_however_it_comes(self, length: int, step: int, chunked: bool) -> None:
        self.setUp()
        body = (BODY * 2)[:length]
        self.client.send(self.plain_head("encrypt", None if chunked else length))
        for at in range(0, length, step):
            part = body[at : at + step]
            self.client.send(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        if chunked:
            self.client.send(b"0\r\n\r\n")
        self.assertEqual(self.opened(self.answer().body), body)

    def test_the_connection_goes_on_afterwards(self) -> None:
        self.client.send(self.plain_head("encrypt", 5) + b"hello")
        self.assertEqual(self.opened(self.answer().body), b"hello")
        self.ok(self.ask("GET", "/v2/services"))
        self.client.send(self.plain_head("encrypt", 0))
        self.assertEqual(self.opened(self.answer().body), b"")
        self.hang_up()

    def test_the_context_is_bound(self) -> None:
        header = b"DynamiCrypt-Context: " + b64(b"about").encode()
        self.client.send(self.plain_head("encrypt", 5, header) + b"hello")
        self.assertEqual(self.opened(self.answer().body, b"about"), b"hello")

    def test_expect_is_answered_before_anything_else(self) -> None:
        self.client.send(self.plain_head("encrypt", 5, b"Expect: 100-continue"))
        self.assertEqual(self.client.transport.value(), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.client.transport.clear()
        self.client.send(b"hello")
        self.assertEqual(self.opened(self.answer().body), b"hello")

    def test_a_client_that_does_not_read_is_not_read_from(self) -> None:
        self.client.send(self.plain_head("encrypt", len(BODY)) + BODY[:1000])
        assert self.client.channel is not None
        self.client.channel.pauseProducing()
        self.assertEqual(self.client.transport.producerState, "paused")
        self.client.channel.resumeProducing()
        self.assertEqual(self.client.transport.producerState, "producing")

    def test_a_slow_stream_may_take_its_time_but_not_stand_still(self) -> None:
        self.client.send(self.plain_head("encrypt", 1000))
        for _ in range(10):
            self.clock.advance(50)
            self.client.send(b"x")
        self.clock.advance(59)
        self.assertFalse(self.client.transport.half_closed)
        self.clock.advance(1)
        self.assertTrue(self.client.transport.half_closed)
        self.clock.advance(self.limits.linger)
        self.assertTrue(self.client.transport.disconnecting)
        self.hang_up()

    def test_a_client_that_leaves_leaves_no_key(self) -> None:
        cells = self.channel.store.cells
        before = len(cells)
        self.client.send(self.plain_head("encrypt", len(BODY)) + BODY[:70_000])
        self.assertEqual(len(cells), before)  # its key went, the sub-key came
        self.client.close()
        self.assertEqual(len(cells), before - 1)


class DecryptTests(StreamCase):
    def test_what_the_partner_sealed_comes_out(self) -> None:
        stream = self.sealed(BODY, b"c")
        header = b"DynamiCrypt-Context: " + b64(b"c").encode()
        self.client.send(self.plain_head("decrypt", len(stream), header) + stream)
        self.assertEqual(self.answer().body, BODY)

    def test_what_is_wrong_from_the_start_is_a_problem(self) -> None:
        good = self.sealed(BODY)
        for stream, code, status in (
            (b"", "bad_ciphertext", 422),
            (b"x" * 200_000, "bad_ciphertext", 422),
            (good[:100], "bad_ciphertext", 422),
            (good[:30] + b"?" + good[31:], "bad_ciphertext", 422),
            (self.partner.seal(b"whole", 2)[0], "unsupported_mode", 422),
            (good[:4] + bytes(16) + good[20:], "unknown_key", 404),
        ):
            client = self.another_client()
            client.send(self.plain_head("decrypt", len(stream)) + stream)
            (answer,) = client.received()
            self.problem(answer, code, status)
            client.close()
        self.client.send(self.plain_head("decrypt", len(good)) + good)
        self.assertEqual(self.answer().body, BODY)
        again = self.another_client()
        again.send(self.plain_head("decrypt", len(good)) + good)
        (answer,) = again.received()
        self.problem(answer, "key_used", 410)

    def test_a_damaged_copy_does_the_true_one_no_harm(self) -> None:
        good = self.sealed(BODY)
        for damaged in (good[:-1] + bytes([good[-1] ^ 1]), good[:-20]):
            client = self.another_client()
            client.send(self.plain_head("decrypt", len(damaged)) + damaged)
            self.assertNotIn(b"\r\n0\r\n\r\n", client.transport.value())
            client.close()
        self.client.send(self.plain_head("decrypt", len(good)) + good)
        self.assertEqual(self.answer().body, BODY)


class RefusalTests(StreamCase):
    def refused(self, *headers: bytes, verb: str = "encrypt") -> Response:
        """The answer, which has to come before the body."""
        client = self.another_client()
        client.send(self.head(verb, 10**9, *headers))
        data = client.transport.value()
        (answer,) = read_responses(re.sub(rb"Connection: close\r\n", b"", data))
        self.assertIn(b"\r\nConnection: close\r\n", data)
        client.transport.clear()
        client.send(b"x" * 100_000)
        self.assertEqual(client.transport.value(), b"")
        client.close()
        return answer

    def test_without_a_token_or_its_scope(self) -> None:
        self.problem(self.refused(BYTES), "auth_required", 401)
        reader = b"Authorization: Bearer reader"
        self.problem(self.refused(BYTES, reader), "scope_missing", 403)
        sender = b"Authorization: Bearer sender"
        self.problem(self.refused(BYTES, sender, verb="decrypt"), "scope_missing", 403)

    def test_of_pages_and_of_other_types(self) -> None:
        evil = b"Origin: http://evil.example"
        self.problem(self.refused(BYTES, UP, evil), "foreign_origin", 403)
        for kind in (b"X: y", b"Content-Type: text/plain", b"Content-Type: application/json"):
            self.problem(self.refused(UP, kind), "bad_content_type", 415)

    def test_a_parameter_of_the_type_does_no_harm(self) -> None:
        self.client.send(self.head("encrypt", 2, UP, BYTES + b"; charset=binary") + b"hi")
        self.assertEqual(self.opened(self.answer().body), b"hi")

    def test_of_parameters_that_streams_do_not_have(self) -> None:
        for verb, query in (("encrypt", b"?context=eA=="), ("decrypt", b"?wait=1s")):
            head = self.plain_head(verb, 5).replace(b" HTTP", query + b" HTTP", 1)
            client = self.another_client()
            client.send(head)
            (answer,) = client.received()
            self.problem(answer, "invalid_request", 400)
            client.close()

    def test_of_a_context_that_is_none(self) -> None:
        for value in (b"?", b"\xff"):
            header = b"DynamiCrypt-Context: " + value
            self.problem(self.refused(UP, BYTES, header), "invalid_request", 400)
        header = b"DynamiCrypt-Context: " + b64(bytes(4097)).encode()
        self.problem(self.refused(UP, BYTES, header), "bad_parameter", 422)

    def test_without_a_key(self) -> None:
        self.channel.store.erase()
        self.problem(self.refused(UP, BYTES), "not_opened", 503)

    def test_of_an_unknown_channel(self) -> None:
        self.node.close_channel("shop", "bank", owner="app:up")
        self.problem(self.refused(UP, BYTES), "unknown_channel", 404)

    def test_other_bodies_keep_their_limit(self) -> None:
        answer = self.post("/encrypt", {"plaintext": "x" * 1000})
        self.problem(answer, "too_large", 413)
