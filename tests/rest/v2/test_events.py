"""The stream of events: what a client sees, from where on, and that a slow one costs nothing."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dynamicrypt.access.tokens import Scope, Tokens
from dynamicrypt.node.events import RING, Kind
from dynamicrypt.rest.v2.events import HEARTBEAT, LOOK, MAX_STREAMS
from tests.rest.native import UP, NativeCase, token
from tests.web.talk import Client, get

MARK = bytes(range(4)).hex()


class EventCase(NativeCase):
    def listen(self, *headers: bytes, client: Client | None = None, token: bytes = UP) -> None:
        (client or self.client).send(get("/v2/events", token, *headers))

    def heard(self, client: Client | None = None) -> list[tuple[str, str, str]]:
        """Event, id and data of what came since the last call."""
        transport = (client or self.client).transport
        data = transport.value()
        transport.clear()
        self.assertNotIn(b"\r\n\r\nHTTP", data)
        if data.startswith(b"HTTP/1.1 200"):
            head, _, data = data.partition(b"\r\n\r\n")
            self.assertIn(b"Content-Type: text/event-stream\r\n", head)
            self.assertIn(b"Cache-Control: no-store\r\n", head)
        frames = []
        for frame in unchunk(data).decode().split("\n\n"):
            fields: dict[str, Any] = dict(
                line.split(": ", 1) for line in frame.split("\n") if ": " in line
            )
            if "event" in fields:
                frames.append((fields["event"], fields.get("id", ""), fields["data"]))
        return frames

    def publish(self, count: int = 1, owner: str = "app:up") -> None:
        for _ in range(count):
            self.node.events.publish(Kind.KEY_LOW, owner=owner, service="s", partner="p")


class StreamTests(EventCase):
    def test_events_come_as_they_happen(self) -> None:
        self.listen()
        self.assertEqual(self.heard(), [])
        self.keys()
        data = '{"service":"shop","partner":"bank"}'
        self.assertEqual(self.heard(), [("key-ready", f"{MARK}-1", data)])
        self.node.events.publish(Kind.PEER_UP, peer="there")
        self.assertEqual(self.heard(), [("peer-up", f"{MARK}-2", '{"peer":"there"}')])

    def test_a_client_goes_on_where_it_was(self) -> None:
        self.publish(5)
        self.listen(f"Last-Event-ID: {MARK}-3".encode())
        self.assertEqual([event[1] for event in self.heard()], [f"{MARK}-4", f"{MARK}-5"])

    def test_what_is_lost_is_told(self) -> None:
        self.publish(RING + 10)
        self.listen(f"Last-Event-ID: {MARK}-3".encode())
        first, second, *rest = self.heard()
        self.assertEqual(first, ("gap", "", "{}"))
        self.assertEqual(second[1], f"{MARK}-11")
        self.assertEqual(len(rest), RING - 1)

    def test_after_a_restart_there_is_a_gap_and_then_all_there_is(self) -> None:
        self.publish(2)
        for last in ("deadbeef-7", "7", "", f"{MARK}-9"):
            client = self.another_client()
            self.listen(f"Last-Event-ID: {last}".encode(), client=client)
            heard = self.heard(client)
            self.assertEqual(heard[0][0], "gap", last)
            self.assertEqual(len(heard), 1 if last.startswith(MARK) else 3)
            client.close()

    @given(st.binary(max_size=30).filter(lambda text: not set(text) & set(b"\0\r\n")))
    def test_no_id_breaks_it(self, last: bytes) -> None:
        self.setUp()
        self.listen(b"Last-Event-ID: " + last)
        self.assertEqual([event[0] for event in self.heard()][:1], ["gap"])

    def test_a_silent_stream_has_a_heartbeat(self) -> None:
        self.listen()
        self.client.transport.clear()
        self.clock.advance(HEARTBEAT)
        self.assertEqual(unchunk(self.client.transport.value()), b":\n\n")

    def test_a_client_that_leaves_leaves_nothing(self) -> None:
        self.listen()
        self.hang_up()
        self.publish()
        self.assertEqual(self.node.events._watchers, [])

    def test_head_is_answered_and_streams_nothing(self) -> None:
        answer = self.ask("HEAD", "/v2/events")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(self.node.events._watchers, [])


class SlowClientTests(EventCase):
    def test_what_it_cannot_take_waits_in_the_ring(self) -> None:
        self.listen()
        self.client.transport.clear()
        assert self.client.channel is not None
        self.client.channel.pauseProducing()
        self.publish(5)
        self.clock.advance(HEARTBEAT)
        self.assertEqual(self.client.transport.value(), b"")
        self.client.channel.resumeProducing()
        self.assertEqual(len(self.heard()), 5)

    def test_and_is_lost_when_it_is_too_much(self) -> None:
        self.listen()
        self.client.transport.clear()
        assert self.client.channel is not None
        self.client.channel.pauseProducing()
        self.publish(RING + 1)
        self.client.channel.resumeProducing()
        heard = self.heard()
        self.assertEqual((heard[0][0], len(heard)), ("gap", RING + 1))


class WhoTests(EventCase):
    def test_a_caller_sees_its_own_services_and_the_peers(self) -> None:
        self.listen(token=b"Authorization: Bearer sender")
        self.publish(owner="app:up")
        self.publish(owner="app:sender")
        self.node.events.publish(Kind.PEER_DOWN, peer="there")
        self.assertEqual([event[1] for event in self.heard()], [f"{MARK}-2", f"{MARK}-3"])

    def test_an_admin_sees_those_of_all(self) -> None:
        self.listen(token=b"Authorization: Bearer other")
        self.publish(owner="app:up")
        self.assertEqual(len(self.heard()), 1)

    def test_a_token_is_needed(self) -> None:
        self.listen(token=b"X: y")
        (answer,) = self.client.received()
        self.problem(answer, "auth_required", 401)

    def test_a_stream_shows_no_more_than_its_token_is_good_for_now(self) -> None:
        issued = {each.digest: each for each in [token("guest", Scope.ADMIN)]}
        self.site_with(Tokens([], lambda: issued))
        client = self.another_client()
        self.listen(client=client, token=b"Authorization: Bearer guest")
        self.publish(owner="app:other")
        seen = client.transport.value()
        self.assertIn(b"event: ", seen)
        issued.update({each.digest: each for each in [token("guest", Scope.ENCRYPT)]})
        self.clock.advance(LOOK)
        self.publish(owner="app:other")
        self.assertEqual(client.transport.value(), seen)

    def test_a_stream_ends_when_its_token_is_revoked(self) -> None:
        issued = {each.digest: each for each in [token("guest", Scope.ADMIN)]}
        self.site_with(Tokens([], lambda: issued))
        client = self.another_client()
        self.listen(client=client, token=b"Authorization: Bearer guest")
        issued.clear()
        self.clock.advance(HEARTBEAT)
        self.assertTrue(unchunked_end(client.transport.value()))
        self.assertEqual(self.node.events._watchers, [])

    def test_there_is_room_for_so_many_and_again_when_one_leaves(self) -> None:
        clients = [self.another_client() for _ in range(MAX_STREAMS)]
        for client in clients:
            self.listen(client=client)
        self.listen()
        (answer,) = self.client.received()
        self.problem(answer, "too_many_streams", 429)
        clients[7].close()
        self.listen()
        self.assertEqual(self.heard(), [])
        self.publish()
        self.assertEqual(len(self.heard()), 1)


def unchunk(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body += data[:length]
        data = data[length + 2 :]
    return body


def unchunked_end(data: bytes) -> bool:
    return data.endswith(b"0\r\n\r\n")
