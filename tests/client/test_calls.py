"""What the client sends, and what it makes of what it gets, against a fake service."""

import socket
from pathlib import Path
from typing import Any

from dynamicrypt.client import DynamiCrypt, Message, Sealed
from dynamicrypt.client.connection import MAX_ANSWER
from dynamicrypt.client.errors import (
    AuthRequiredError,
    BadAnswerError,
    BadParameterError,
    IdempotencyInFlightError,
    NoKeyYetError,
    PeerDownError,
    PiecesMissingError,
    RateLimitedError,
    ServiceUnreachableError,
    UnknownServiceError,
)
from dynamicrypt.errors import ParameterError
from tests.client.fake import Asked, FakeService, FakeServiceCase, answer, problem

SEALED = answer(200, {"mode": 2, "key_id": "id", "ciphertext": "AQE=", "expires_in_seconds": 700})
OPENED = answer(200, {"complete": True, "plaintext": "aGk="})


class RequestTests(FakeServiceCase):
    def ask(self, said: bytes, call: Any) -> Asked:
        self.says(said)
        call()
        return self.service.asked[-1]

    def test_a_request_carries_token_host_and_content_type(self) -> None:
        asked = self.ask(SEALED, lambda: self.channel.encrypt(b"hi", mode=2, context=b"c"))
        self.assertEqual(asked.method, "POST")
        self.assertEqual(asked.target, "/v2/services/shop/channels/bank/encrypt")
        self.assertEqual(asked.headers["authorization"], "Bearer dct_secret")
        self.assertEqual(asked.headers["content-type"], "application/json")
        self.assertRegex(asked.headers["host"], r"\A127\.0\.0\.1:\d+\Z")
        self.assertEqual(asked.fields, {"plaintext": "aGk=", "mode": 2, "context": "Yw=="})

    def test_only_what_was_given_is_sent(self) -> None:
        asked = self.ask(SEALED, lambda: self.channel.encrypt(b""))
        self.assertEqual(asked.fields, {"plaintext": "", "mode": 1})

    def test_what_spends_something_can_be_asked_again(self) -> None:
        for said, call, keyed in (
            (SEALED, lambda: self.channel.encrypt(b"x"), False),
            (SEALED, lambda: self.channel.encrypt(b"x", mode=3, limit=2), True),
            (OPENED, lambda: self.channel.decrypt(b"x"), True),
            (answer(200, {"key_id": "i", "key": ""}), self.channel.next_key, True),
            (answer(200, {"key_id": "i", "key": ""}), lambda: self.channel.key("i"), True),
        ):
            asked = self.ask(said, call)
            self.assertEqual("idempotency-key" in asked.headers, keyed, asked)

    def test_an_idempotency_key_of_the_caller_is_used(self) -> None:
        asked = self.ask(SEALED, lambda: self.channel.encrypt(b"x", idempotency_key="mine"))
        self.assertEqual(asked.headers["idempotency-key"], "mine")
        with self.assertRaises(ParameterError):
            self.channel.encrypt(b"x", idempotency_key="a\r\nX: y")

    def test_names_are_encoded(self) -> None:
        self.channel = self.client.channel("a/b c", "é?")
        asked = self.ask(SEALED, lambda: self.channel.encrypt(b""))
        self.assertEqual(asked.target, "/v2/services/a%2Fb%20c/channels/%C3%A9%3F/encrypt")

    def test_a_message_leaves_in_one_piece(self) -> None:
        """The service has a short way for such requests."""
        parts: list[bytes] = []
        send = socket.socket.sendall

        class Watched(socket.socket):
            def sendall(self, data: Any, *flags: int) -> None:
                parts.append(bytes(data))
                send(self, data, *flags)

        self.patch(socket, "socket", Watched)
        self.ask(SEALED, lambda: self.channel.encrypt(b"x" * 10_000))
        self.assertEqual([part[:4] for part in parts if b"HTTP" not in part[:12]], [b"POST"])

    def test_a_unix_socket_needs_no_token(self) -> None:
        path = f"{self.mktemp()}.sock"
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        service = FakeService(listener)
        service.start()
        self.addCleanup(service.close)
        service.answers.append(answer(200, {"services": ["shop"]}))
        with DynamiCrypt(socket=path, state_dir=Path("nowhere")) as client:
            self.assertEqual(client.services(), ["shop"])
        self.assertEqual(service.asked[0].headers["host"], "localhost")
        self.assertNotIn("authorization", service.asked[0].headers)

    def test_connections_are_used_again(self) -> None:
        for _ in range(3):
            self.ask(SEALED, lambda: self.channel.encrypt(b""))
        self.assertEqual(self.service.connections, 1)


class TryingTests(FakeServiceCase):
    def test_a_missing_key_is_waited_for_by_the_service(self) -> None:
        self.says(problem(503, "no_key_yet", 100), SEALED)
        self.channel.encrypt(b"x", mode=2)
        first, second = self.service.asked
        self.assertEqual(second.target, first.target + "?wait=10000ms")
        self.assertEqual(first.headers["idempotency-key"], second.headers["idempotency-key"])
        self.assertEqual(self.time.pauses, [])

    def test_a_service_that_does_not_wait_is_not_pestered(self) -> None:
        self.says(*[problem(503, "no_key_yet", 100)] * 99)
        with self.assertRaises(NoKeyYetError):
            self.channel.encrypt(b"x", mode=2)
        self.assertLess(len(self.service.asked), 30)
        self.assertApproximates(self.time.now, 110.0, 0.2)

    def test_what_waiting_helps_is_tried_again_after_as_long(self) -> None:
        for status, code in ((503, "peer_down"), (429, "rate_limited"), (503, "too_many_pieces")):
            self.time.pauses.clear()
            self.says(problem(status, code, 1000), OPENED)
            self.assertEqual(self.channel.decrypt(b"x"), b"hi")
            (pause,) = self.time.pauses
            self.assertTrue(1.0 <= pause <= 2.0, pause)

    def test_a_request_that_is_under_way_is_asked_for_again(self) -> None:
        self.says(problem(409, "idempotency_in_flight", 200), OPENED)
        self.assertEqual(self.channel.decrypt(b"x"), b"hi")

    def test_nothing_else_is_tried_again(self) -> None:
        for status, code, kind in (
            (401, "auth_required", AuthRequiredError),
            (400, "bad_parameter", BadParameterError),
        ):
            self.says(problem(status, code))
            with self.assertRaises(kind) as raised:
                self.channel.encrypt(b"x")
            self.assertEqual((raised.exception.status, str(raised.exception)), (status, "because"))
        self.assertEqual(self.time.pauses, [])

    def test_without_patience_every_call_is_one_try(self) -> None:
        client = DynamiCrypt(
            f"http://127.0.0.1:{self.service.listener.getsockname()[1]}", "t", patience=0.0
        )
        self.addCleanup(client.close)
        for code, kind in (
            ("no_key_yet", NoKeyYetError),
            ("peer_down", PeerDownError),
            ("rate_limited", RateLimitedError),
            ("idempotency_in_flight", IdempotencyInFlightError),
        ):
            self.says(problem(503, code, 100))
            with self.assertRaises(kind):
                client.channel("a", "b").encrypt(b"x")

    def test_a_connection_that_breaks_is_made_again_with_the_same_key(self) -> None:
        self.says(SEALED)
        self.channel.encrypt(b"x")
        self.says(None, None, OPENED)
        self.assertEqual(self.channel.decrypt(b"x"), b"hi")
        keys = [asked.headers["idempotency-key"] for asked in self.service.asked[1:]]
        self.assertEqual((len(keys), len(set(keys))), (3, 1))
        self.assertEqual(len(self.time.pauses), 1, "an idle connection may have been closed")

    def test_half_an_answer_is_none(self) -> None:
        self.says(lambda asked: self.half(), OPENED)
        self.assertEqual(self.channel.decrypt(b"x"), b"hi")

    def half(self) -> bytes | None:
        self.service._open[-1].sendall(OPENED[:-3])
        return None

    def test_no_service_is_told_at_once(self) -> None:
        self.service.close()
        with self.assertRaises(ServiceUnreachableError) as raised:
            self.client.services()
        self.assertIn("connection refused", str(raised.exception))
        self.assertEqual(self.time.pauses, [])


class AnswerTests(FakeServiceCase):
    def test_what_is_no_service_is_a_bad_answer(self) -> None:
        for said in (
            answer(200, []),
            answer(200, {"services": "shop"}),
            answer(200, {"services": [7]}),
            answer(404, {"error": "not found"}),
            answer(500),
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_ANSWER + 1),
        ):
            self.says(said)
            with self.assertRaises(BadAnswerError):
                self.client.services()

    def test_what_is_no_http_is_unreachable(self) -> None:
        client = DynamiCrypt(
            f"http://127.0.0.1:{self.service.listener.getsockname()[1]}", "t", patience=0.0
        )
        self.says(b"220 mail.example ESMTP\r\n")
        with self.assertRaises(ServiceUnreachableError):
            client.services()

    def test_a_piece_that_is_not_the_last_is_told(self) -> None:
        said = answer(200, {"complete": False, "plaintext": None})
        self.says(said, said)
        self.assertIsNone(self.channel.decrypt_piece(b"x"))
        with self.assertRaises(PiecesMissingError):
            self.channel.decrypt(b"x")

    def test_errors_and_clients_do_not_show_the_token(self) -> None:
        self.says(problem(401, "auth_required"))
        with self.assertRaises(AuthRequiredError) as raised:
            self.client.services()
        self.assertNotIn("dct_", repr((raised.exception, vars(raised.exception), self.client)))


class RemovalTests(FakeServiceCase):
    """What is removed twice, because nobody heard of the first time, is removed."""

    def test_what_is_gone_after_a_broken_connection_was_removed(self) -> None:
        for code, call in (
            ("unknown_service", lambda: self.client.remove_service("shop")),
            ("unknown_service", lambda: self.client.remove_service("shop", any_owner=True)),
            ("unknown_channel", self.channel.close),
            ("unknown_service", self.channel.close),
        ):
            self.says(None, problem(404, code))
            call()
        self.assertEqual({asked.method for asked in self.service.asked}, {"DELETE"})
        self.assertEqual(len(self.service.asked), 8)

    def test_so_it_was_where_the_connection_had_been_kept(self) -> None:
        self.says(answer(204), None, problem(404, "unknown_service"))
        self.client.remove_service("mail")
        self.client.remove_service("shop")
        self.assertEqual(self.service.connections, 2)

    def test_what_was_never_there_is_told(self) -> None:
        self.says(problem(404, "unknown_service"))
        with self.assertRaises(UnknownServiceError):
            self.client.remove_service("shop")
        self.says(problem(429, "rate_limited", 10), problem(404, "unknown_service"))
        with self.assertRaises(UnknownServiceError):
            self.client.remove_service("shop")

    def test_nothing_else_counts_as_removed(self) -> None:
        self.says(None, problem(404, "unknown_service"))
        with self.assertRaises(UnknownServiceError):
            self.client.service("shop")
        self.says(None, problem(401, "auth_required"))
        with self.assertRaises(AuthRequiredError):
            self.client.remove_service("shop")


class MisuseTests(FakeServiceCase):
    """What cannot be meant is told before anything is sent."""

    def test_a_text_is_no_message(self) -> None:
        text: Any = "text"
        for what, call in (
            ("plaintext", lambda: self.channel.encrypt(text)),
            ("context", lambda: self.channel.encrypt(b"", context=text)),
            ("ciphertext", lambda: self.channel.decrypt(text)),
            ("context", lambda: self.channel.decrypt(b"", context=text)),
            ("a message", lambda: self.channel.encrypt_batch([b"", text])),
            ("data", lambda: Message(data=text)),
            ("context", lambda: Message(data=b"", context=text)),
        ):
            with self.assertRaisesRegex(TypeError, f"{what} must be bytes, not str"):
                call()
        sealed: Any = Sealed(mode=1, key_id="", ciphertext=b"", expires_in_seconds=120)
        with self.assertRaisesRegex(TypeError, "ciphertext must be bytes, not Sealed"):
            self.channel.decrypt(sealed)
        self.assertEqual(self.service.asked, [])

    def test_what_is_like_bytes_is_taken(self) -> None:
        self.says(SEALED, SEALED)
        for like in (bytearray(b"hi"), memoryview(b"hi")):
            plaintext: Any = like
            self.channel.encrypt(plaintext)
        self.assertEqual([asked.fields["plaintext"] for asked in self.service.asked], ["aGk="] * 2)

    def test_an_empty_name_is_refused(self) -> None:
        with self.assertRaisesRegex(BadParameterError, "a name is empty"):
            self.client.service("")
        self.assertEqual(self.service.asked, [])


class EventTests(FakeServiceCase):
    def stream(self, *events: bytes) -> bytes:
        body = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + body

    def test_a_stream_that_breaks_is_taken_up_where_it_broke(self) -> None:
        up = b'id: m-1\nevent: peer-up\ndata: {"peer":"south"}\n\n'
        down = b'id: m-2\nevent: peer-down\ndata: {"peer":"south"}\n\n'
        self.says(
            lambda asked: self.stream(b"retry: 100\n\n", up, down[:20]) + b"0\r\n\r\n",
            self.stream(b":\n\n", down),
        )
        events = self.client.events()
        self.assertEqual([next(events).kind, next(events).kind], ["peer-up", "peer-down"])
        events.close()  # type: ignore[attr-defined]  # it is a generator
        first, second = self.service.asked
        self.assertNotIn("last-event-id", first.headers)
        self.assertEqual(second.headers["last-event-id"], "m-1")
        self.assertEqual(len(self.time.pauses), 1)

    def test_one_can_go_on_after_an_event(self) -> None:
        self.says(self.stream(b"event: gap\ndata: {}\n\n"))
        events = self.client.events(after="m-7")
        self.assertEqual(next(events).kind, "gap")
        self.assertEqual(self.service.asked[0].headers["last-event-id"], "m-7")

    def test_a_service_that_stays_away_is_told(self) -> None:
        def last_words(asked: Asked) -> bytes:
            self.service.leave()
            return self.stream(b"retry: 0\n\n") + b"0\r\n\r\n"

        self.says(last_words)
        with self.assertRaises(ServiceUnreachableError):
            next(self.client.events())

    def test_a_refusal_is_told(self) -> None:
        self.says(problem(401, "auth_required"))
        with self.assertRaises(AuthRequiredError):
            next(self.client.events())
