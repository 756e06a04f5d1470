"""Streams against a fake service that breaks them off."""

import io
from typing import Any

from dynamicrypt.client.errors import (
    BadAnswerError,
    BadCiphertextError,
    ChannelStoppedError,
    NoKeyYetError,
    NotOpenedError,
    PeerDownError,
    ProfilesDifferError,
    StreamBrokenError,
    TooLargeError,
    UnknownChannelError,
    UnknownPeerError,
)
from tests.client.fake import FakeServiceCase, answer, problem

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def channel(*, free: int = 0, in_use: int = 0, code: str = "", reason: str = "") -> bytes:
    """What the service says of a channel."""
    state = {
        "service": "shop",
        "partner": "bank",
        "peer": "p",
        "state": "up",
        "reason": reason,
        "code": code,
        "profile": "fast",
        "keys": {"offered": 0, "free": free, "in_use": in_use, "held": 0},
        "keys_made": 0,
        "rounds": 0,
    }
    return answer(200, state)


EMPTY, READY = channel(reason="it has just begun"), channel(free=1)


def told(name: str, why: object) -> bytes:
    """What the service says of one stream."""
    stream = {"id": name, "operation": "decrypt", "state": "broken", "taken": 5, "given": 2}
    return answer(200, {"streams": [stream | {"problem": why}]})


class Unreadable(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError("the disk is gone")


class Unwritable(io.BytesIO):
    def write(self, data: Any, /) -> int:
        raise OSError("the disk is full")


class Narrow(io.BytesIO):
    """Takes little at once, as a file without a buffer on a disk that is almost full."""

    def write(self, data: Any, /) -> int:
        return super().write(data[:2])


class StreamTests(FakeServiceCase):
    def test_what_comes_back_reaches_the_sink(self) -> None:
        sink = io.BytesIO()
        self.says(READY, HEAD + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        sealed = self.channel.encrypt_stream(io.BytesIO(b"xyz"), sink, context=b"\0c")
        self.assertEqual((sink.getvalue(), sealed.size), (b"abc", 3))
        self.assertIsNone(sealed.expires_in_seconds)
        asked = self.service.asked[1]
        self.assertEqual(asked.body, b"xyz")
        self.assertEqual(
            asked.target, "/v2/services/shop/channels/bank/stream/encrypt?wait=10000ms"
        )
        self.assertEqual(asked.headers["dynamicrypt-context"], "AGM=")
        self.assertEqual(asked.headers["content-type"], "application/octet-stream")

    def test_a_key_is_waited_for_before_the_stream_begins(self) -> None:
        self.says(EMPTY, READY, HEAD + b"0\r\n\r\n")
        self.channel.encrypt_stream(io.BytesIO(b""), io.BytesIO())
        self.assertIn("?wait=", self.service.asked[0].target)
        self.says(*[EMPTY] * 99)
        with self.assertRaisesRegex(NoKeyYetError, "the channel is up: it has just begun"):
            self.channel.encrypt_stream(io.BytesIO(b""), io.BytesIO())

    def test_a_key_that_messages_share_is_none_for_a_stream(self) -> None:
        self.says(channel(in_use=1), READY, HEAD + b"0\r\n\r\n")
        self.channel.encrypt_stream(io.BytesIO(b""), io.BytesIO())
        self.assertEqual(len(self.service.asked), 3)

    def test_who_waits_in_vain_is_told_why_as_the_service_tells_it(self) -> None:
        for code, kind in (("not_opened", NotOpenedError), ("peer_down", PeerDownError)):
            self.setUp()
            self.says(*[channel(code=code, reason="it says")] * 99)
            with self.assertRaisesRegex(kind, "it says"):
                self.channel.encrypt_stream(io.BytesIO(b""), io.BytesIO())
            self.assertGreater(len(self.service.asked), 1)

    def test_nobody_waits_where_no_key_is_to_come(self) -> None:
        for code, kind in (
            ("channel_stopped", ChannelStoppedError),
            ("profiles_differ", ProfilesDifferError),
            ("unknown_peer", UnknownPeerError),
        ):
            self.setUp()
            said = channel(code=code, reason="it says")
            self.says(said, said)
            with self.assertRaisesRegex(kind, "it says"):
                self.channel.encrypt_stream(io.BytesIO(b""), io.BytesIO())
            self.assertIsInstance(self.channel.wait().absence, kind)
            self.assertEqual(len(self.service.asked), 2)

    def test_a_refusal_is_told(self) -> None:
        self.says(problem(404, "unknown_channel"))
        with self.assertRaises(UnknownChannelError):
            self.channel.decrypt_stream(io.BytesIO(bytes(10**6)), io.BytesIO())

    def test_an_answer_without_an_end_is_broken(self) -> None:
        for part in (b"5\r\nab", b"2\r\nab\r\n", b"", b"x\r\n"):
            self.says(READY, self.cut(part))
            with self.assertRaises(StreamBrokenError):
                self.channel.encrypt_stream(io.BytesIO(b"x"), io.BytesIO())

    def cut(self, part: bytes, name: str = "") -> Any:
        named = f"200 OK\r\nDynamicrypt-Stream: {name}\r\n" if name else "200 OK\r\n"

        def say(asked: object) -> None:
            head = HEAD.replace(b"200 OK\r\n", named.encode())
            self.service._open[-1].sendall(head + part)

        return say

    def test_why_one_broke_off_is_asked_under_the_id_that_its_head_named(self) -> None:
        self.says(self.cut(b"2\r\nab\r\n", "7"), told("8", None), answer(200))
        with self.assertRaises(StreamBrokenError):
            self.channel.decrypt_stream(io.BytesIO(b"x"), io.BytesIO())
        self.assertEqual(self.service.asked[1].target, "/v2/services/shop/channels/bank/streams")

    def test_and_raised(self) -> None:
        for code, kind in (("bad_ciphertext", BadCiphertextError), ("too_large", TooLargeError)):
            why = {"code": code, "detail": "because", "status": 422}
            self.setUp()
            self.says(READY, self.cut(b"2\r\nab\r\n", "7"), told("7", why))
            with self.assertRaises(kind):
                self.channel.encrypt_stream(io.BytesIO(b"x"), io.BytesIO())

    def test_one_that_the_service_says_nothing_of_is_broken(self) -> None:
        for said in (told("7", None), answer(500), answer(200, {"streams": 7})):
            self.says(self.cut(b"2\r\nab\r\n", "7"), said)
            with self.assertRaises(StreamBrokenError):
                self.channel.decrypt_stream(io.BytesIO(b"x"), io.BytesIO())

    def test_a_source_of_text_is_refused(self) -> None:
        self.says(READY, None)
        source: Any = io.StringIO("text")
        with self.assertRaisesRegex(TypeError, "what the source reads must be bytes, not str"):
            self.channel.encrypt_stream(source, io.BytesIO())

    def test_what_a_source_raises_is_raised(self) -> None:
        self.says(READY, None)
        with self.assertRaisesRegex(OSError, "gone"):
            self.channel.encrypt_stream(Unreadable(), io.BytesIO())

    def test_a_sink_that_takes_less_than_it_is_given_gets_the_rest(self) -> None:
        sink = Narrow()
        self.says(READY, HEAD + b"5\r\nabcde\r\n0\r\n\r\n")
        sealed = self.channel.encrypt_stream(io.BytesIO(b"xyz"), sink)
        self.assertEqual((sink.getvalue(), sealed.size), (b"abcde", 5))

    def test_how_long_it_opens_is_told_where_the_service_says_a_number(self) -> None:
        for said, told in (("700", 700), ("0", 0), ("-1", None), ("soon", None), ("1.5", None)):
            head = HEAD[:-2] + f"DynamiCrypt-Expires-In: {said}\r\n\r\n".encode()
            self.says(READY, head + b"1\r\na\r\n0\r\n\r\n")
            sealed = self.channel.encrypt_stream(io.BytesIO(b"x"), io.BytesIO())
            self.assertEqual(sealed.expires_in_seconds, told)

    def test_what_a_sink_raises_is_raised(self) -> None:
        self.says(READY, HEAD + b"1\r\na\r\n0\r\n\r\n")
        with self.assertRaisesRegex(OSError, "full"):
            self.channel.encrypt_stream(io.BytesIO(b"x"), Unwritable())

    def test_an_answer_that_is_no_stream_is_bad(self) -> None:
        self.says(READY, answer(200, {}))
        with self.assertRaises(BadAnswerError):
            self.channel.encrypt_stream(io.BytesIO(b"x"), io.BytesIO())
