"""Wire 1 on a transport: two protocols joined in memory, strangers, silence and limits."""

import os
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.test.iosim import FakeTransport, connect
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import SynchronisationError
from dynamicrypt.params import THESIS
from dynamicrypt.peer.sparse_log import BURST
from dynamicrypt.peer.thesis import (
    MAX_CONNECTIONS,
    MAX_STRANGERS,
    SILENCE,
    ThesisListener,
    ThesisProtocol,
)
from dynamicrypt.session.thesis import ThesisSession
from dynamicrypt.session.thesis_events import Dialled, Event, KeyBorn
from dynamicrypt.tpm.inputs import PublicStream
from dynamicrypt.tpm.machine import new_machine

ADDRESS = IPv4Address("TCP", "127.0.0.1", 4711)

ABUSE = {
    "an empty line": b"\n",
    "no number": b"hello\n",
    "a huge type": b"9" * 400 + b"\t1\n",
    "too few fields": b"2\t1\n",
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + bytes(180) + b"\n",
    "1024 bytes without a line feed": b"2" * 1024,
    "an unknown type": b"7\t1\t0\n",
    "an unasked 3": b"3\t5\t0\t6\n",
    "an unasked 4": b"4\t5\t0\t0\t1\n",
    "a step of an unknown machine": b"1\t5\t5\t1\t" + b"1" * 72 + b"\t1\t1\n",
}


class Channel:
    """Records what its connections report."""

    def __init__(self) -> None:
        self.connections: list[ThesisProtocol] = []
        self.keys: list[bytes] = []
        self.lost = 0

    def connected(self, connection: ThesisProtocol) -> None:
        self.connections.append(connection)

    def happened(self, event: Event) -> None:
        if isinstance(event, KeyBorn):
            self.keys.append(bytes(event.key))

    def disconnected(self, connection: ThesisProtocol) -> None:
        self.lost += 1


def new_session(own_id: int = 1) -> ThesisSession:
    return ThesisSession(
        machine=new_machine(THESIS),
        parameters=THESIS,
        inputs=PublicStream(os.urandom),
        own_id=own_id,
    )


class TcpTransport(StringTransport):
    delaying = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.delaying = not enabled


class Ends:
    """A listener that knows the service "bob" of partner "alice", and alice's protocol."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.alice, self.bob = Channel(), Channel()
        self.listener = ThesisListener(
            admit=self.admit, new_session=lambda: new_session(2), clock=self.clock
        )

    def admit(self, dialled: Dialled) -> Channel | None:
        return self.bob if (dialled.service, dialled.partner) == ("alice", "bob") else None

    def dialler(self, service: str = "alice") -> ThesisProtocol:
        return ThesisProtocol(
            session=new_session(1),
            clock=self.clock,
            channel=self.alice,
            greeting=(service, "bob"),
        )

    def accepting(self) -> ThesisProtocol:
        protocol = self.listener.buildProtocol(ADDRESS)
        assert protocol is not None
        return protocol

    def stranger(self) -> tuple[ThesisProtocol, TcpTransport]:
        protocol, transport = self.accepting(), TcpTransport()
        protocol.makeConnection(transport)
        return protocol, transport


class Network:
    """Two protocols with a network between them, and time that stands still."""

    def __init__(self, server: ThesisProtocol, client: ThesisProtocol) -> None:
        self._pump = connect(
            server,
            FakeTransport(server, isServer=True),
            client,
            FakeTransport(client, isServer=False),
            greet=False,
        )

    def until(self, condition: Callable[[], bool]) -> None:
        """Carry bytes until the condition holds."""
        for _ in range(200_000):
            if condition():
                return
            self._pump.pump()
        raise AssertionError("it never came to that")


class SynchronisingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ends = Ends()
        self.client, self.server = self.ends.dialler(), self.ends.accepting()
        self.network = Network(self.server, self.client)

    def test_both_channels_get_the_same_keys(self) -> None:
        alice, bob = self.ends.alice, self.ends.bob
        self.network.until(lambda: min(len(alice.keys), len(bob.keys)) >= 3)
        self.assertEqual(alice.keys[:3], bob.keys[:3])

    def test_accepted_fires_on_both_sides(self) -> None:
        self.network.until(lambda: bool(self.ends.alice.connections))
        self.successResultOf(self.client.accepted)
        self.successResultOf(self.server.accepted)
        self.assertTrue(self.client.dialler)
        self.assertFalse(self.server.dialler)

    def test_end_of_the_connection_is_told_to_both_channels_once(self) -> None:
        self.network.until(lambda: bool(self.ends.alice.connections))
        self.client.drop()
        self.network.until(lambda: bool(self.ends.alice.lost and self.ends.bob.lost))
        self.assertEqual((self.ends.alice.lost, self.ends.bob.lost), (1, 1))
        self.assertEqual(self.ends.clock.getDelayedCalls(), [])

    def test_counts_bytes(self) -> None:
        self.network.until(lambda: self.client.bytes_received > 1000)
        self.assertGreater(self.client.bytes_sent, 1000)


class StrangerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ends = Ends()

    def test_lines_do_not_wait_for_acknowledgements(self) -> None:
        _, transport = self.ends.stranger()
        self.assertFalse(transport.delaying)

    def test_abuse_ends_the_connection_and_nothing_else(self) -> None:
        for what, data in ABUSE.items():
            with self.subTest(what):
                protocol, transport = self.ends.stranger()
                protocol.dataReceived(data)
                self.assertTrue(transport.disconnecting)
                self.assertEqual(transport.value(), b"")
                protocol.connectionLost()
        self.ends.listener.stopFactory()
        self.assertEqual(self.ends.clock.getDelayedCalls(), [])
        self.assertEqual(self.ends.bob.connections, [])

    def test_lines_behind_a_bad_one_are_not_read(self) -> None:
        protocol, transport = self.ends.stranger()
        protocol.dataReceived(b"junk\n2\t5\t0\talice\tbob\n")
        self.assertEqual(transport.value(), b"")
        self.assertEqual(self.ends.bob.connections, [])

    def test_unknown_service_is_turned_away_without_an_answer(self) -> None:
        protocol, transport = self.ends.stranger()
        protocol.dataReceived(b"2\t5\t0\tmallory\tbob\n")
        self.assertEqual(transport.value(), b"")
        self.assertTrue(transport.disconnecting)

    def test_dialler_that_is_turned_away_learns_it(self) -> None:
        client = self.ends.dialler("mallory")
        network = Network(self.ends.accepting(), client)
        network.until(lambda: client.accepted.called)
        self.failureResultOf(client.accepted, SynchronisationError)

    def test_silence_ends_the_connection(self) -> None:
        protocol, transport = self.ends.stranger()
        self.ends.clock.advance(SILENCE - 0.1)
        self.assertFalse(transport.disconnecting)
        self.ends.clock.advance(0.2)
        self.assertTrue(transport.disconnecting)
        protocol.connectionLost()
        self.assertEqual(self.ends.clock.getDelayedCalls(), [])

    def test_half_a_line_is_silence(self) -> None:
        protocol, transport = self.ends.stranger()
        for _ in range(int(SILENCE) + 1):
            protocol.dataReceived(b"2")
            self.ends.clock.advance(1)
        self.assertTrue(transport.disconnecting)

    def test_strangers_are_limited_in_number(self) -> None:
        for _ in range(MAX_STRANGERS):
            self.ends.stranger()
        self.assertIsNone(self.ends.listener.buildProtocol(ADDRESS))

    def test_place_of_a_stranger_that_left_is_free_again(self) -> None:
        protocols = [self.ends.stranger()[0] for _ in range(MAX_STRANGERS)]
        protocols[0].connectionLost()
        self.assertIsNotNone(self.ends.listener.buildProtocol(ADDRESS))

    def test_connections_are_limited_in_number(self) -> None:
        for number in range(MAX_CONNECTIONS):
            protocol, transport = self.ends.stranger()
            protocol.dataReceived(b"2\t%d\t0\talice\tbob\n" % (number + 1))
            self.assertTrue(transport.value().startswith(b"3\t2\t0\t%d\n" % (number + 1)))
        self.assertIsNone(self.ends.listener.buildProtocol(ADDRESS))

    def test_strangers_do_not_fill_the_log(self) -> None:
        with capturedLogs() as logs:
            for data in (b"junk\n", b"2\t5\t0\tmallory\tbob\n", b"2" * 1024):
                for _ in range(100):
                    protocol, _ = self.ends.stranger()
                    protocol.dataReceived(data)
                    protocol.connectionLost()
            self.ends.listener.stopFactory()
        self.assertEqual(len(logs), BURST + 1)
        self.assertEqual(logs[-1]["count"], 300 - BURST)
        self.assertEqual(self.ends.clock.getDelayedCalls(), [])

    def test_stopping_the_listener_drops_everyone(self) -> None:
        _, transport = self.ends.stranger()
        self.ends.listener.stopFactory()
        self.assertTrue(transport.disconnecting)

    @given(st.lists(st.binary(max_size=300), max_size=20))
    def test_any_bytes_leave_it_waiting_or_closed(self, chunks: list[bytes]) -> None:
        protocol, transport = self.ends.stranger()
        for chunk in chunks:
            if not transport.disconnecting:
                protocol.dataReceived(chunk)
        protocol.connectionLost()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.ends.listener.stopFactory()
        self.assertEqual(self.ends.clock.getDelayedCalls(), [])
