"""How streams end, and how who asked learns why one did not end well."""

import gc
import http.client
import weakref
from collections.abc import Callable
from io import BytesIO
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dynamicrypt.errors import ParameterError
from dynamicrypt.rest.shapes.messages import STREAM_STATES, STREAM_VERBS
from dynamicrypt.rest.streams.log import REMEMBERED, StreamState
from dynamicrypt.web import listener
from tests.rest.native import CHANNEL
from tests.rest.streams.test_streaming import BODY, StreamCase
from tests.web.talk import Client


def fail(channel: object, context: bytes) -> None:
    raise ParameterError("not now")


class Received:
    """Bytes of a connection that has ended, as a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self._data)


class EndCase(StreamCase):
    def log(self) -> list[dict[str, Any]]:
        """The streams of the channel, as another connection is told."""
        client = self.another_client()
        streams: list[dict[str, Any]] = self.ok(
            self.ask("GET", CHANNEL + "/streams", client=client)
        )["streams"]
        client.close()
        return streams

    def begin(self, verb: str, stream: bytes, *parts: int) -> Client:
        """A client that has sent the stream in parts, cut at these places."""
        client = self.another_client()
        client.send(self.plain_head(verb, len(stream)))
        for start, end in zip((0, *parts), (*parts, len(stream)), strict=True):
            client.send(stream[start:end])
        return client

    def read_whole(self, data: bytes) -> bytes:
        """What a client of the standard library reads; raises HTTPException if that is not all."""
        response = http.client.HTTPResponse(Received(data), method="POST")  # type: ignore[arg-type]  # as much of a socket as it needs
        response.begin()
        return response.read()


class BrokenTests(EndCase):
    changes: tuple[Callable[[bytes], bytes], ...] = (
        lambda stream: stream[:-1],
        lambda stream: stream[: 2 * 65536],
        lambda stream: stream[:-1] + bytes([stream[-1] ^ 1]),
        lambda stream: stream[:100_000] + bytes([stream[100_000] ^ 1]) + stream[100_001:],
        lambda stream: stream + b"more",
        lambda stream: stream[:20] + stream[20 + 65552 :],
    )

    def test_what_shows_later_breaks_the_answer_off(self) -> None:
        for change in self.changes[:5]:
            self.setUp()
            client = self.begin("decrypt", change(self.sealed(BODY)), 80_000)
            self.assertTrue(client.transport.half_closed)
            self.assertFalse(client.transport.disconnecting)  # the head is still on its way
            data = client.transport.value()
            self.assertRaises(http.client.IncompleteRead, self.read_whole, data)
            self.clock.advance(self.limits.linger)
            self.assertTrue(client.transport.disconnecting)
            client.close()
            self.hang_up()

    def test_it_breaks_off_at_once_where_the_client_was_slow_to_read(self) -> None:
        client = self.begin("decrypt", self.sealed(BODY)[:100_000])
        assert client.channel is not None
        client.channel.pauseProducing()
        client.channel.rawDataReceived(bytes(70_000))
        self.assertTrue(client.transport.half_closed)
        self.assertEqual(client.transport.producerState, "producing")  # to see it leave
        client.close()

    def test_why_is_told_under_the_id_that_the_head_named(self) -> None:
        client = self.begin("decrypt", self.sealed(BODY)[:-1], 80_000)
        head, _, _ = client.transport.value().partition(b"\r\n\r\n")
        (stream,) = self.log()
        self.assertIn(f"\r\ndynamicrypt-stream: {stream['id']}\r\n".encode(), head.lower())
        problem = stream.pop("problem")
        self.assertEqual((problem["code"], problem["status"]), ("bad_ciphertext", 422))
        stream.pop("id")
        size = len(self.sealed(BODY)) - 1
        given = stream.pop("given")
        self.assertEqual(stream, {"operation": "decrypt", "state": "broken", "taken": size})
        self.assertEqual(given % 65536, 0)
        client.close()

    def test_what_still_comes_is_dropped(self) -> None:
        stream = self.sealed(BODY)
        bad = stream[:70_000] + b"?" + stream[70_001:]
        client = self.begin("decrypt", bad, 140_000)
        came = client.transport.value()
        client.send(stream)
        self.assertEqual(client.transport.value(), came)
        client.close()

    @settings(max_examples=40)
    @given(st.data())
    def test_nobody_takes_a_part_for_the_whole(self, data: st.DataObject) -> None:
        self.setUp()
        whole = self.sealed(BODY)
        place = data.draw(st.integers(20, len(whole) - 1))
        kind = data.draw(st.sampled_from(["cut", "flip", "doubled", "dropped"]))
        changed = {
            "cut": whole[:place],
            "flip": whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :],
            "doubled": whole[:place] + whole[place - 20 :],
            "dropped": whole[:place] + whole[place + 1 :],
        }[kind]
        parts = data.draw(st.lists(st.integers(0, len(changed)), max_size=4).map(sorted))
        client = self.begin("decrypt", changed, *parts)
        answer = client.transport.value()
        if answer.startswith(b"HTTP/1.1 200"):
            self.assertRaises(http.client.IncompleteRead, self.read_whole, answer)
            self.assertEqual(self.log()[0]["state"], "broken")
        else:
            self.assertRegex(answer, rb"\AHTTP/1.1 4")
        client.close()

    def test_http_1_0_cannot_tell_and_is_refused(self) -> None:
        head = self.plain_head("decrypt", 5).replace(b"HTTP/1.1", b"HTTP/1.0")
        self.client.send(head + b"hello")
        (answer,) = self.client.received()
        self.assertIn("HTTP/1.1", self.problem(answer, "invalid_request", 400)["detail"])


class LogTests(EndCase):
    def test_states_are_those_that_are_described(self) -> None:
        self.assertEqual(tuple(StreamState), STREAM_STATES)
        self.begin("encrypt", b"")
        self.assertLessEqual({each["operation"] for each in self.log()}, set(STREAM_VERBS))

    def test_streams_that_run_end_and_are_left_are_told_the_newest_first(self) -> None:
        self.begin("encrypt", b"hello")
        self.client.send(self.plain_head("encrypt", 100_000) + bytes(70_000))
        left = self.another_client()
        left.send(self.plain_head("encrypt", 5) + b"x")
        left.close()
        told = [(each["state"], each["taken"], each.get("problem")) for each in self.log()]
        self.assertEqual(told, [("left", 1, None), ("running", 70_000, None), ("whole", 5, None)])

    def test_what_was_refused_at_its_start_is_told_too(self) -> None:
        self.channel.store.erase()
        self.client.send(self.plain_head("encrypt", 5))
        (stream,) = self.log()
        self.assertEqual((stream["state"], stream["problem"]["code"]), ("broken", "not_opened"))

    def test_the_last_ones_are_kept(self) -> None:
        first = self.begin("decrypt", b"")
        (oldest,) = self.log()
        for _ in range(REMEMBERED):
            self.begin("decrypt", b"x").close()
        self.assertEqual(len(self.log()), REMEMBERED)
        self.assertNotIn(oldest["id"], {each["id"] for each in self.log()})
        first.close()

    def test_the_reason_of_a_long_one_outlives_the_short_ones_beside_it(self) -> None:
        long = self.begin("encrypt", b"hello" * 20_000)
        client = self.another_client()
        client.send(self.plain_head("decrypt", 70_000) + self.sealed(BODY)[:69_999])
        for _ in range(REMEMBERED + 5):
            self.begin("decrypt", b"x").close()
        client.send(b"?")
        self.begin("decrypt", b"x").close()
        told = [each for each in self.log() if "problem" in each and each["taken"] == 70_000]
        self.assertEqual([each["state"] for each in told], ["broken"])
        self.assertEqual(len(self.log()), REMEMBERED)
        client.close()
        long.close()

    def test_what_cannot_begin_has_ended(self) -> None:
        self.patch(type(self.channel), "stream_opener", fail)
        self.client.send(self.plain_head("decrypt", 5))
        (stream,) = self.log()
        self.assertEqual((stream["state"], stream["problem"]["code"]), ("broken", "bad_parameter"))

    def test_it_keeps_nothing_of_what_broke(self) -> None:
        client = self.begin("decrypt", self.sealed(BODY)[:-1], 80_000)
        assert client.channel is not None
        body = weakref.ref(client.channel.requests[-1].content)
        client.close()
        del client
        gc.collect()
        self.assertIsNone(body())
        self.assertEqual(self.log()[0]["problem"]["code"], "bad_ciphertext")

    def test_it_is_for_the_channels_owner(self) -> None:
        other = b"Authorization: Bearer other"
        self.problem(self.ask("GET", CHANNEL + "/streams", token=other), "unknown_service", 404)

    def test_streams_are_counted(self) -> None:
        self.begin("encrypt", b"hello").close()
        self.begin("decrypt", b"hello").close()
        counted = self.metrics()
        name = 'dynamicrypt_operations_total{{op="{}",result="{}"}}'.format
        self.assertEqual(counted[name("encrypt_stream", "ok")], 1)
        self.assertEqual(counted[name("decrypt_stream", "bad_ciphertext")], 1)


class SlowTests(EndCase):
    def test_who_stands_still_is_told_while_that_is_possible(self) -> None:
        self.client.send(self.plain_head("decrypt", 100) + b"x")
        self.clock.advance(self.limits.idle)
        (answer,) = self.client.received()
        self.problem(answer, "too_slow", 408)
        self.assertEqual(self.log()[0]["problem"]["code"], "too_slow")

    def test_and_afterwards_the_answer_breaks_off(self) -> None:
        self.client.send(self.plain_head("encrypt", 200_000) + bytes(70_000))
        self.clock.advance(self.limits.idle)
        self.assertTrue(self.client.transport.half_closed)
        self.assertRaises(
            http.client.IncompleteRead, self.read_whole, self.client.transport.value()
        )
        self.assertEqual(self.log()[0]["problem"]["code"], "too_slow")
        self.clock.advance(self.limits.linger)
        self.hang_up()

    def test_a_request_that_drips_is_told(self) -> None:
        self.client.send(self.request("/encrypt", {"plaintext": ""})[:-1])
        self.clock.advance(self.limits.receive)
        (answer,) = self.client.received()
        self.problem(answer, "too_slow", 408)
        self.assertEqual(answer.headers[b"connection"], b"close")


class StopTests(StreamCase):
    def test_a_stream_that_is_under_way_may_end_when_the_site_is_stopped(self) -> None:
        self.client.send(self.plain_head("encrypt", len(BODY)) + BODY[:140_000])
        stopped = self.site.wind_down()
        self.client.send(BODY[140_000:])
        self.assertEqual(self.opened(self.answer().body), BODY)
        self.assertTrue(self.client.transport.disconnecting)
        self.client.close()
        self.successResultOf(stopped)

    def test_none_begins(self) -> None:
        self.client.send(b"P")
        self.site.wind_down()
        self.client.send(self.plain_head("encrypt", len(BODY))[1:])
        (answer,) = self.client.received()
        self.problem(answer, "stopping", 503)
        self.assertEqual(self.channel.store.levels.free, 3)


class WaitTests(EndCase):
    def setUp(self) -> None:
        super().setUp()
        self.channel.store.erase()

    def wait(self, length: int | None = 5, wait: str = "2s") -> None:
        head = self.plain_head("encrypt", length)
        self.client.send(head.replace(b"stream/encrypt", f"stream/encrypt?wait={wait}".encode()))

    def test_a_stream_waits_for_its_key(self) -> None:
        self.wait()
        self.client.send(b"hello")
        self.assertEqual(self.client.transport.value(), b"")
        self.keys()
        self.assertEqual(self.opened(self.answer().body), b"hello")
        self.ok(self.ask("GET", "/v2/services"))  # the connection goes on
        self.hang_up()

    def test_what_comes_meanwhile_is_little_and_not_lost(self) -> None:
        self.wait(len(BODY))
        self.client.send(BODY[:65_535])
        self.assertEqual(self.client.transport.producerState, "producing")
        self.client.send(BODY[65_535:100_000])
        self.assertEqual(self.client.transport.producerState, "paused")
        self.keys()
        self.assertEqual(self.client.transport.producerState, "producing")
        self.client.send(BODY[100_000:])
        self.assertEqual(self.opened(self.answer().body), BODY)

    def test_no_key_in_time_is_a_problem(self) -> None:
        for body in (b"he", b"hello"):
            self.wait(wait="1500ms")
            self.client.send(body)
            self.clock.advance(1.4)
            self.assertEqual(self.client.received(), [])
            self.clock.advance(0.2)
            (answer,) = self.client.received()
            self.problem(answer, "not_opened", 503)
            self.assertEqual(answer.headers[b"connection"], b"close")
            self.client.close()
            self.client = self.another_client()
        self.hang_up()

    def test_it_is_the_last_that_a_client_hears_which_sends_no_more(self) -> None:
        self.patch(listener, "hung_up", lambda handle: False)
        self.wait()
        self.client.send(b"hello")
        self.client.half_close()
        self.clock.pump([0.1] * 19)
        self.client.transport.clear()
        self.clock.advance(0.2)
        (answer,) = self.client.received()
        self.problem(answer, "not_opened", 503)
        self.assertTrue(self.client.transport.disconnecting)
        self.clock.pump([0.1] * 15)
        self.assertEqual(self.client.received(), [])
        self.hang_up()

    def test_who_leaves_waits_no_more_and_burns_no_key(self) -> None:
        self.wait()
        self.client.send(b"he")
        self.hang_up()
        self.keys()
        self.assertEqual(self.channel.store.levels.free, 1)
        self.assertEqual(self.log()[0]["state"], "left")

    def test_of_two_that_wait_for_one_key_one_goes_on_waiting(self) -> None:
        first, self.client = self.client, self.another_client()
        clients = first, self.client
        for client in clients:
            self.client = client
            self.wait(0)
        self.keys()
        self.assertEqual(sum(bool(client.transport.value()) for client in clients), 1)
        self.keys()
        self.assertEqual(sum(bool(client.transport.value()) for client in clients), 2)

    def test_a_channel_that_closes_ends_the_wait(self) -> None:
        self.wait()
        self.channel.close()
        self.clock.advance(0)
        (answer,) = self.client.received()
        self.problem(answer, "unknown_channel", 404)

    def test_times_of_another_form_are_refused(self) -> None:
        self.wait(wait="soon")
        (answer,) = self.client.received()
        self.problem(answer, "invalid_request", 400)

    def test_a_fault_meanwhile_is_told_without_detail(self) -> None:
        self.wait()

        def fail(context: bytes) -> None:
            raise KeyError("attack at dawn")

        self.patch(self.channel, "stream_sealer", fail)
        self.keys()
        (answer,) = self.client.received()
        self.assertNotIn(b"dawn", answer.body)
        self.problem(answer, "internal_error", 500)
