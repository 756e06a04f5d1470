"""Bounds of a connection: bytes, time, number; and no body on any disk."""

import tempfile
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.web.limits import Limits
from tests.rest.fake import FakeNode, Service
from tests.rest.site import fresh_site
from tests.web.talk import HOST, Client, get, post

LIMITS = Limits(body=1000, connections=3, turned_away=2, receive=20, idle=60, linger=2)
PATH = "/v1/options/encrypt"
CHUNKED = f"POST {PATH} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n".encode() + HOST + b"\r\n"


def body_of_length(length: int) -> bytes:
    head, tail = b'{"service_name":"s","operation":0,"mode":1,"message":"', b'"}'
    return head + b"m" * (length - len(head) - len(tail)) + tail


def chunks(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        part = body[start : start + size]
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


class ChannelCase(SynchronousTestCase):
    limits = LIMITS

    def setUp(self) -> None:
        self.clock = Clock()
        self.node = FakeNode()
        self.node.services["s"] = Service("anonymous", live=True, keys=True)
        self.site = fresh_site(self.node, limits=self.limits, clock=self.clock)
        self.client = Client(self.site)

    def hang_up(self) -> None:
        self.client.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class BodySizeTests(ChannelCase):
    def test_a_body_at_the_limit_is_taken(self) -> None:
        answer = self.client.post(PATH, body_of_length(1000))
        self.assertEqual(answer.status, 200)
        self.assertIn(b'"hash"', answer.body)

    def test_a_longer_one_is_refused_before_it_was_sent(self) -> None:
        head = post(PATH, body_of_length(1001)).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        answer = self.client.ask(head)
        self.assertEqual((answer.status, answer.body), (413, b'{"error":"request is too large"}'))
        self.assertEqual(answer.headers[b"connection"], b"close")
        self.assertEqual(answer.headers[b"cache-control"], b"no-store")
        self.hang_up()

    def test_who_would_wait_for_100_continue_is_refused_at_once(self) -> None:
        request = post(PATH, body_of_length(1001), b"Expect: 100-continue")
        head = request.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self.assertEqual(self.client.ask(head).status, 413)

    def test_huge_lengths_are_refused(self) -> None:
        for length in (b"1001", b"9" * 30, b"9" * 4000):
            client = Client(fresh_site(limits=LIMITS))
            head = f"POST {PATH} HTTP/1.1\r\n".encode() + HOST
            client.send(head + b"Content-Length: " + length + b"\r\n\r\n")
            self.assertIn(client.received()[0].status, {400, 413})
            client.close()

    def test_a_chunked_body_at_the_limit_is_taken(self) -> None:
        answer = self.client.ask(CHUNKED + b"".join(chunks(body_of_length(1000), 99)))
        self.assertEqual(answer.status, 200)
        self.assertIn(b'"hash"', answer.body)

    def test_a_longer_chunked_body_is_refused_when_it_exceeds(self) -> None:
        for size in (1, 100, 999, 1000, 1001):
            client = Client(fresh_site(self.node, limits=LIMITS))
            for piece in (CHUNKED, *chunks(body_of_length(1001), size)):
                client.send(piece)
            statuses = [response.status for response in client.received()]
            self.assertEqual(statuses, [413], size)
            client.close()

    def test_the_rest_of_a_refused_body_is_dropped_and_never_a_request(self) -> None:
        self.client.send(post(PATH, body_of_length(1001)) + get("/v1/options/test-ok"))
        self.client.send(get("/v1/options/test-ok") * 10)
        self.assertEqual([response.status for response in self.client.received()], [413])

    def test_a_refused_client_is_cut_after_a_while(self) -> None:
        self.client.send(CHUNKED + b"".join(chunks(body_of_length(1001), 100)))
        self.assertFalse(self.client.transport.disconnecting)
        self.clock.advance(LIMITS.linger)
        self.assertTrue(self.client.transport.disconnecting)
        self.hang_up()

    def test_malformed_chunks_end_the_connection(self) -> None:
        for chunk in (b"x\r\n", b"-1\r\n", b"1\r\nab\r\n", b"1" * 2000):
            client = Client(fresh_site(limits=LIMITS))
            client.send(CHUNKED + chunk)
            self.assertEqual([response.status for response in client.received()], [400])
            self.assertTrue(client.transport.disconnecting)
            client.close()

    def test_a_length_and_chunks_at_once_are_refused(self) -> None:
        request = post(PATH, b"0\r\n\r\n", b"Transfer-Encoding: chunked")
        self.client.send(request)
        self.assertEqual(self.client.received()[0].status, 400)


class NoFileTests(ChannelCase):
    limits = Limits()

    def setUp(self) -> None:
        super().setUp()

        def touched(*_: object, **__: object) -> None:
            raise AssertionError("a body went to a file")

        for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"):
            self.patch(tempfile, name, touched)

    def test_a_long_body_stays_in_memory(self) -> None:
        answer = self.client.post(PATH, body_of_length(1024 * 1024))
        self.assertEqual(answer.status, 200)

    def test_a_chunked_body_stays_in_memory(self) -> None:
        for size, step in ((200, 50), (1024 * 1024, 4096)):
            answer = self.client.ask(CHUNKED + b"".join(chunks(body_of_length(size), step)))
            self.assertEqual(answer.status, 200)

    def test_a_form_is_not_parsed(self) -> None:
        form = b"Content-Type: multipart/form-data; boundary=x"
        body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="g"\r\n\r\n\r\n--x--'
        self.assertEqual(self.client.post(PATH, body, form).status, 415)


class TimeTests(ChannelCase):
    def test_a_silent_connection_is_cut(self) -> None:
        self.clock.advance(LIMITS.idle - 1)
        self.assertFalse(self.client.transport.disconnecting)
        self.clock.advance(1)
        self.assertTrue(self.client.transport.disconnecting)
        self.hang_up()

    def test_a_connection_may_rest_between_requests(self) -> None:
        for _ in range(5):
            self.clock.advance(LIMITS.idle - 1)
            self.assertEqual(self.client.post(PATH, body_of_length(200)).status, 200)
        self.clock.advance(LIMITS.idle)
        self.assertTrue(self.client.transport.disconnecting)
        self.hang_up()

    def test_dripping_does_not_prolong_a_request(self) -> None:
        request = post(PATH, body_of_length(200))
        for index in range(LIMITS.receive):
            self.assertFalse(self.client.transport.disconnecting)
            self.client.send(request[index : index + 1])
            self.clock.advance(1)
        self.assertTrue(self.client.transport.disconnecting)
        self.hang_up()

    def test_dripping_a_body_does_not_either(self) -> None:
        self.client.send(CHUNKED)
        for _ in range(LIMITS.receive):
            self.assertFalse(self.client.transport.disconnecting)
            self.client.send(b"1\r\nx\r\n")
            self.clock.advance(1)
        self.assertTrue(self.client.transport.disconnecting)

    def test_each_request_has_its_own_time(self) -> None:
        request = post(PATH, body_of_length(200))
        for _ in range(5):
            self.client.send(request[:50])
            self.clock.advance(LIMITS.receive - 1)
            self.client.send(request[50:])
            self.assertEqual([response.status for response in self.client.received()], [200])

    def test_a_pipelined_request_has_its_own_time(self) -> None:
        request = post(PATH, body_of_length(200))
        self.client.send(request + request[:50])
        self.clock.advance(LIMITS.receive - 1)
        self.client.send(request[50:])
        self.assertEqual([response.status for response in self.client.received()], [200, 200])

    def test_who_does_not_take_its_last_answer_is_cut_hard(self) -> None:
        self.client.send(post(PATH, body_of_length(200), b"Connection: close"))
        self.assertFalse(self.client.transport.aborted)
        self.clock.advance(LIMITS.idle)
        self.clock.advance(15)
        self.assertTrue(self.client.transport.aborted)
        self.hang_up()


class ConnectionTests(ChannelCase):
    def test_more_than_the_limit_are_turned_away(self) -> None:
        others = [Client(self.site) for _ in range(LIMITS.connections - 1)]
        self.assertEqual([other.refused for other in others], [False, False])
        self.assertTrue(Client(self.site).refused)

    def test_who_is_turned_away_is_told_in_the_words_of_its_path(self) -> None:
        for _ in range(LIMITS.connections - 1):
            Client(self.site)
        client = Client(self.site)
        answer = client.ask(get("/v2/status"))
        self.assertEqual((answer.status, answer.headers[b"retry-after"]), (503, b"1"))
        self.assertIn(b'"code":"too_many_connections"', answer.body)
        self.assertTrue(client.transport.half_closed)
        client.send(b"more" * 1000)
        self.assertEqual(client.received(), [])
        client.half_close()
        self.assertTrue(client.transport.disconnecting)
        client.close()
        answer = Client(self.site).post(PATH, b"{}")
        self.assertEqual((answer.status, answer.body), (503, b'{"error":"too many connections"}'))
        for junk in (b"x", b"\r\n\r\n", b" " * 99, b"\xff \xff"):
            client = Client(self.site)
            client.send(junk)
            self.assertEqual([each.status for each in client.received()], [503], junk)
            client.close()

    def test_only_so_many_are_told_and_not_for_long(self) -> None:
        clients = [Client(self.site) for _ in range(LIMITS.connections - 1 + LIMITS.turned_away)]
        self.assertTrue(Client(self.site).cut)
        self.clock.advance(LIMITS.linger)
        self.assertEqual([each.transport.aborted for each in clients], [False, False, True, True])
        for each in (*clients, self.client):
            each.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(Client(self.site).refused)

    def test_who_leaves_makes_room(self) -> None:
        for _ in range(10 * LIMITS.connections):
            client = Client(self.site)
            self.assertFalse(client.refused)
            client.close()

    def test_a_head_of_endless_length_is_refused(self) -> None:
        for head in (b"GET /" + b"a" * 20_000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100):
            client = Client(fresh_site(limits=LIMITS))
            for start in range(0, len(head), 1000):
                if not client.transport.disconnecting:
                    client.send(head[start : start + 1000])
            self.assertTrue(client.transport.disconnecting)
            client.close()

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        self.client.send(b"".join(post(PATH, body_of_length(size)) for size in (100, 300, 200)))
        lengths = [len(response.body) for response in self.client.received()]
        self.assertEqual(sorted(lengths, key=lengths.index), lengths)
        self.assertEqual(len(set(lengths)), 3)
        self.assertLess(lengths[0], lengths[2])
        self.assertLess(lengths[2], lengths[1])

    @given(st.binary(max_size=300), st.integers(1, 50))
    def test_any_bytes_end_in_answers_or_a_cut(self, data: bytes, step: int) -> None:
        clock = Clock()
        client = Client(fresh_site(limits=LIMITS, clock=clock))
        for start in range(0, len(data), step):
            if client.transport.disconnecting:
                break
            client.send(data[start : start + step])
        for _ in range(4):
            clock.advance(LIMITS.idle)
        self.assertTrue(client.transport.disconnecting)
        self.assertNotIn(b" 500 ", client.transport.value())
        client.close()
        self.assertEqual(clock.getDelayedCalls(), [])

    @given(
        st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "TRACE", "x"]),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
        st.dictionaries(
            st.sampled_from(["Content-Type", "Origin", "Expect", "Cookie", "Connection", "X-A"]),
            st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
        ),
        st.binary(max_size=100),
    )
    def test_any_well_formed_request_is_answered_without_500(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        lines = [f"{method} /{path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        client = Client(fresh_site(limits=LIMITS))
        client.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        first = client.transport.value().removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").split()
        self.assertIn(int(first[1]), {200, 400, 403, 404, 405, 415})
        client.close()
