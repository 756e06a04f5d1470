"""`wait`: an answer as soon as there is a key, or when the time is over."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from tests.rest.native import CHANNEL, UP, NativeCase
from tests.web.talk import get


class WaitTests(NativeCase):
    def later(self, path: str, body: Mapping[str, object]) -> None:
        self.client.send(self.request(path, dict(body)))
        self.assertEqual(self.client.received(), [])

    def test_encrypt_waits_for_a_key(self) -> None:
        self.later("/encrypt?wait=2s", {"plaintext": "", "mode": 2})
        self.keys()
        (answer,) = self.client.received()
        self.ok(answer)
        self.hang_up()

    def test_who_waited_goes_on_when_the_event_that_brought_the_key_is_over(self) -> None:
        self.later("/encrypt?wait=2s", {"plaintext": "", "mode": 2})
        self.maker.give(self.channel, self.partner)
        self.assertEqual((self.client.received(), self.channel.store.levels.free), ([], 1))
        self.clock.advance(0)
        (answer,) = self.client.received()
        self.ok(answer)

    def test_no_key_in_time_is_a_problem(self) -> None:
        for path, asked in (("/encrypt", {"plaintext": ""}), ("/keys/next", {})):
            self.later(path + "?wait=1500ms", asked)
            self.clock.advance(1.4)
            self.assertEqual(self.client.received(), [])
            self.clock.advance(0.2)
            (answer,) = self.client.received()
            self.assertEqual(self.problem(answer, "not_opened", 503)["retry_after_ms"], 2000)
            self.assertEqual(answer.headers[b"retry-after"], b"2")

    def test_pieces_wait_for_all_their_keys(self) -> None:
        self.later("/encrypt?wait=2s", {"plaintext": "", "mode": 4, "pieces": 3})
        self.keys(2)
        self.assertEqual(self.client.received(), [])
        self.keys()
        (answer,) = self.client.received()
        self.assertEqual(len(self.ok(answer)["pieces"]), 3)

    def test_of_two_that_wait_for_one_key_one_goes_on_waiting(self) -> None:
        other = self.another_client()
        for client in (self.client, other):
            client.send(self.request("/encrypt?wait=2s", {"plaintext": "", "mode": 2}))
        self.keys()
        received = self.client.received() + other.received()
        self.assertEqual([answer.status for answer in received], [200])
        self.keys()
        received = self.client.received() + other.received()
        self.assertEqual([answer.status for answer in received], [200])

    def test_a_channel_is_shown_once_it_has_a_key(self) -> None:
        self.client.send(get(CHANNEL + "?wait=30s", UP))
        self.assertEqual(self.client.received(), [])
        self.keys()
        (answer,) = self.client.received()
        self.assertEqual(self.ok(answer)["keys"]["free"], 1)

    def test_and_else_when_the_time_is_over(self) -> None:
        self.client.send(get(CHANNEL + "?wait=30s", UP))
        self.clock.advance(30)
        (answer,) = self.client.received()
        self.assertEqual(self.ok(answer)["keys"]["free"], 0)

    def test_who_leaves_waits_no_more_and_burns_no_key(self) -> None:
        self.later("/encrypt?wait=2s", {"plaintext": "", "mode": 2})
        self.hang_up()
        self.keys()
        self.assertEqual(self.channel.store.levels.free, 1)

    def test_a_channel_that_closes_ends_the_wait(self) -> None:
        for path, asked in (
            ("/encrypt", {"plaintext": ""}),
            ("/batch/encrypt", {"items": [{"plaintext": ""}]}),
            ("/keys/next", {}),
        ):
            self.setUp()
            self.later(path + "?wait=2s", asked)
            self.channel.close()
            self.clock.advance(0)
            (answer,) = self.client.received()
            self.assertNotIn("retry_after_ms", self.problem(answer, "unknown_channel", 404))

    def test_a_channel_that_is_stopped_is_not_waited_for(self) -> None:
        self.channel.stop()
        answer = self.post("/encrypt?wait=2s", {"plaintext": ""})
        self.problem(answer, "channel_stopped", 409)

    def test_what_came_of_the_channel_meanwhile_is_told(self) -> None:
        self.later("/encrypt?wait=2s", {"plaintext": ""})
        self.channel.stop()
        self.clock.advance(2)
        (answer,) = self.client.received()
        self.problem(answer, "channel_stopped", 409)

    def test_times_of_another_form_are_refused(self) -> None:
        for wait in ("", "2", "s", "-1s", "1.5s", "2S", "2s&wait=2s", "%D9%A1s"):
            path = f"/encrypt?wait={wait}"
            self.problem(self.post(path, {"plaintext": ""}), "invalid_request", 400)
        for wait in ("31s", "30001ms"):
            answer = self.post(f"/encrypt?wait={wait}", {"plaintext": ""})
            self.problem(answer, "bad_parameter", 422)

    @given(st.binary(max_size=12).filter(lambda text: not set(text) & set(b" \r\n#")))
    def test_no_time_breaks_it(self, wait: bytes) -> None:
        self.setUp()
        path = "/encrypt?wait=" + wait.decode("latin-1")
        request = self.request(path, {"plaintext": ""})
        self.client.send(request.replace(path.encode(), path.encode("latin-1")))
        self.clock.advance(31)
        for answer in self.client.received():
            self.assertIn(answer.status, {400, 422, 503})
