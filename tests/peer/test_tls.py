"""TLS between two nodes: whom it lets pass, and what it says about those it does not."""

import gc
import weakref
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL, crypto
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.peer.admission import HANDSHAKE_SECONDS, MAX_PER_ADDRESS, Admission
from dynamicrypt.peer.doorway import security_of
from dynamicrypt.peer.errors import (
    CertificateChangedError,
    ClassicalGroupError,
    HandshakeTimeoutError,
    OwnNodeError,
    PeerUnreachableError,
    RefusedByPeerError,
    StateFileError,
    UnknownPeerError,
    WrongProtocolError,
)
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.peers import KnownPeers
from dynamicrypt.peer.sparse_log import BURST, RATE
from dynamicrypt.peer.tls import HYBRID_GROUP, LINK_PROTOCOL, explain
from dynamicrypt.peer.visitors import MAX_CONNECTIONS
from tests.peer.wires import ALICE, BOB, MALLORY, MemoryEndpoint, Node, Talker, Talkers, knowing


class TlsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.alice = Node(own=ALICE, peers=knowing(BOB), talkers=Talkers(b"from alice"))
        self.bob = Node(own=BOB, peers=knowing(ALICE), talkers=Talkers(b"from bob"))

    def dial(self, expected: bytes = BOB.fingerprint) -> Deferred[IProtocol]:
        """Let alice dial bob, whom she takes for the owner of `expected`."""
        self.admission = Admission(self.clock.seconds)
        self.tcp = MemoryEndpoint(self.bob.listener(self.clock, self.admission), self.clock)
        return self.alice.endpoint(self.tcp, expected, self.clock).connect(self.alice.talkers)

    def shake(self, expected: bytes = BOB.fingerprint) -> Deferred[IProtocol]:
        connected = self.dial(expected)
        self.tcp.pump.flush()
        return connected

    def talkers(self) -> tuple[Talker, Talker]:
        return self.alice.talkers.made[0], self.bob.talkers.made[0]

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.admission.unfinished, 0)


class HandshakeTests(TlsCase):
    def test_known_nodes_meet_and_talk(self) -> None:
        connected = self.shake()
        alice, bob = self.talkers()
        self.assertIs(self.successResultOf(connected), alice)
        self.assertEqual((alice.received, bob.received), (b"from bob", b"from alice"))

    def test_each_side_knows_the_other_the_group_and_one_secret(self) -> None:
        self.shake()
        alice, bob = (talker.security for talker in self.talkers())
        assert alice is not None
        assert bob is not None
        self.assertEqual(alice.fingerprint, BOB.fingerprint)
        self.assertEqual(bob.fingerprint, ALICE.fingerprint)
        self.assertEqual((alice.group, bob.group), (HYBRID_GROUP, HYBRID_GROUP))
        self.assertTrue(alice.hybrid)
        secret = alice.exporter(b"EXPORTER-test", b"context", 32)
        self.assertEqual(secret, bob.exporter(b"EXPORTER-test", b"context", 32))
        self.assertEqual(len(secret), 32)
        for label, context in ((b"EXPORTER-test", b"other"), (b"EXPORTER-other", b"context")):
            self.assertNotEqual(secret, bob.exporter(label, context, 32))

    def test_every_connection_has_its_own_secret(self) -> None:
        secrets = set()
        for _ in range(2):
            self.shake()
            security = self.alice.talkers.made[-1].security
            assert security is not None
            secrets.add(security.exporter(b"EXPORTER-test", b"", 32))
        self.assertEqual(len(secrets), 2)

    def test_passed_handshakes_are_counted_by_group(self) -> None:
        self.shake()
        for node in (self.alice, self.bob):
            self.assertEqual(node.counts, {(HYBRID_GROUP, "ok"): 1})

    def test_the_end_of_a_connection_reaches_the_application(self) -> None:
        self.shake()
        alice, bob = self.talkers()
        assert alice.transport is not None
        alice.transport.loseConnection()
        self.tcp.pump.flush()
        for talker in (alice, bob):
            self.assertIsNotNone(talker.lost)
            self.assertNotIsInstance(talker.lost, DynamiCryptError)

    def test_security_is_only_of_live_connections_between_nodes(self) -> None:
        self.shake()
        alice, _bob = self.talkers()
        assert alice.transport is not None
        alice.transport.loseConnection()
        self.tcp.pump.flush()
        for transport in (None, self.tcp.pump.clientIO, alice.transport):
            self.assertRaises(TypeError, security_of, transport)


class TrustTests(TlsCase):
    def refused(self, connected: Deferred[IProtocol], *errors: type[Exception]) -> str:
        """The dial failed, and neither application ever saw anything; returns what was said."""
        failure = self.failureResultOf(connected, *errors)
        self.assertEqual(self.alice.talkers.made + self.bob.talkers.made, [])
        return str(failure.value)

    def test_a_changed_certificate_stops_the_dialler_loudly(self) -> None:
        self.bob.own = MALLORY
        with capturedLogs() as events:
            said = self.refused(self.shake(), CertificateChangedError)
        self.assertEqual(
            [event["log_level"] for event in events], [LogLevel.critical, LogLevel.info]
        )
        self.assertIn(show(MALLORY.fingerprint), said)
        self.assertEqual(self.alice.counts, {("", "peer_certificate_changed"): 1})
        self.assertEqual(self.bob.counts, {("", "refused_by_peer"): 1})

    def test_a_known_peer_does_not_pass_for_another(self) -> None:
        self.alice.peers = knowing(BOB, MALLORY)
        self.refused(self.shake(expected=MALLORY.fingerprint), CertificateChangedError)

    def test_the_listener_refuses_strangers_before_the_application(self) -> None:
        self.bob.peers = knowing(MALLORY)
        connected = self.shake()
        # TLS 1.3 lets the client finish first: it has a protocol, which has heard nothing.
        self.successResultOf(connected)
        (alice,) = self.alice.talkers.made
        self.assertEqual(self.bob.talkers.made, [])
        self.assertEqual(alice.received, b"")
        self.assertIsInstance(alice.lost, RefusedByPeerError)
        self.assertEqual(self.bob.counts, {("", "peer_unknown"): 1})

    def test_peers_are_looked_up_at_the_handshake(self) -> None:
        connected = self.dial()
        self.bob.peers = KnownPeers()
        self.tcp.pump.flush()
        self.successResultOf(connected)
        self.assertEqual(self.bob.talkers.made, [])

    def test_a_removed_peer_is_not_dialled(self) -> None:
        self.alice.peers = KnownPeers()
        self.refused(self.shake(), UnknownPeerError)

    def test_a_node_does_not_link_with_itself(self) -> None:
        self.alice.own = BOB
        self.alice.peers = knowing(BOB)
        self.bob.peers = knowing(BOB)
        self.refused(self.shake(), OwnNodeError)

    def test_a_broken_peers_file_opens_no_door(self) -> None:
        self.bob.broken = StateFileError("broken")
        self.shake()
        self.assertEqual(self.bob.talkers.made, [])
        self.assertEqual(self.bob.counts, {("", "bad_state_file"): 1})

    def test_a_classical_group_is_refused_by_both(self) -> None:
        for restricted in (self.alice, self.bob):
            restricted.groups = b"X25519"
            self.refused(self.shake(), ClassicalGroupError)
            restricted.groups = b""
        self.assertEqual(self.alice.counts["", "peer_classical"], 2)

    def test_the_listener_alone_refuses_a_classical_group(self) -> None:
        self.alice.groups = b"X25519"
        self.alice.peers = knowing(BOB, allow_classical=True)
        self.shake()
        self.assertEqual(self.bob.talkers.made, [])
        self.assertEqual(self.bob.counts, {("", "peer_classical"): 1})

    def test_a_classical_group_passes_where_both_allow_it(self) -> None:
        self.alice.groups = b"X25519"
        self.alice.peers = knowing(BOB, allow_classical=True)
        self.bob.peers = knowing(ALICE, allow_classical=True)
        self.successResultOf(self.shake())
        security = self.bob.talkers.made[0].security
        assert security is not None
        self.assertFalse(security.hybrid)
        self.assertEqual(self.bob.counts, {("x25519", "ok"): 1})

    def test_the_application_protocol_must_be_the_same(self) -> None:
        self.alice.protocol = b"dynamicrypt/1"
        self.refused(self.shake(), WrongProtocolError)
        self.assertEqual(self.bob.counts, {("", "wrong_protocol"): 1})

    def test_a_stranger_is_timed_out(self) -> None:
        connected = self.dial()
        self.clock.advance(HANDSHAKE_SECONDS - 1)
        self.assertNoResult(connected)
        self.clock.advance(1)
        self.tcp.pump.flush()
        self.refused(connected, HandshakeTimeoutError)
        self.assertEqual(self.bob.counts, {("", "handshake_timeout"): 1})

    def test_a_dial_can_be_cancelled(self) -> None:
        connected = self.dial()
        connected.cancel()
        self.tcp.pump.flush()
        self.failureResultOf(connected)
        self.assertEqual(self.alice.talkers.made, [])

    def test_callers_above_the_limits_are_closed_at_once(self) -> None:
        self.admission = Admission(self.clock.seconds)
        tickets = [self.admission.admit("192.0.2.1") for _ in range(MAX_PER_ADDRESS)]
        tcp = MemoryEndpoint(self.bob.listener(self.clock, self.admission), self.clock)
        endpoint = self.alice.endpoint(tcp, BOB.fingerprint, self.clock)
        self.refused(endpoint.connect(self.alice.talkers), PeerUnreachableError)
        self.assertEqual(self.alice.counts, {("", "peer_unreachable"): 1})
        self.assertEqual(self.bob.counts, {})
        for ticket in tickets:
            assert ticket is not None
            ticket.close(passed=False)

    def test_a_known_peer_has_a_bounded_number_of_connections(self) -> None:
        self.admission = Admission(self.clock.seconds)
        listener = self.bob.listener(self.clock, self.admission)
        pumps = []
        for _ in range(MAX_CONNECTIONS + 1):
            tcp = MemoryEndpoint(listener, self.clock)
            self.alice.endpoint(tcp, BOB.fingerprint, self.clock).connect(self.alice.talkers)
            tcp.pump.flush()
            pumps.append(tcp.pump)
        self.assertEqual(len(self.bob.talkers.made), MAX_CONNECTIONS)
        self.assertEqual(self.bob.counts["", "too_many_connections"], 1)
        last = self.alice.talkers.made[-1].lost
        self.assertIsNotNone(last)
        self.assertIsNone(self.alice.talkers.made[0].lost)
        for pump in pumps:
            pump.client.loseConnection()
            pump.flush()
        self.assertEqual(listener._visitors._connections, {})


@implementer(IOpenSSLClientConnectionCreator)
class Foreign:
    """Makes connections of a context that no node would make."""

    def __init__(self, context: SSL.Context) -> None:
        self.context = context
        self.session: SSL.Session | None = None
        self.made: list[SSL.Connection] = []

    def clientConnectionForTLS(self, _protocol: object) -> SSL.Connection:
        connection = SSL.Connection(self.context, None)
        if self.session is not None:
            connection.set_session(self.session)
        self.made.append(connection)
        return connection


class Caller(Protocol):
    """Notes what a stranger hears."""

    received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data


class StrangerTests(TlsCase):
    """Callers whose TLS is not a node's."""

    def setUp(self) -> None:
        super().setUp()
        self.admission = Admission(self.clock.seconds)
        self.listener = self.bob.listener(self.clock, self.admission)

    def context(
        self, own: Identity | None = ALICE, version: int = SSL.TLS1_3_VERSION
    ) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_max_proto_version(version)
        if own is not None:
            context.use_certificate(own.certificate)
            context.use_privatekey(own.key)
        context.set_alpn_protos([LINK_PROTOCOL])
        return context

    def call(self, foreign: Foreign) -> Caller:
        """Call bob; returns what the caller heard, after bob has closed or greeted."""
        caller = Caller()
        factory = Factory.forProtocol(lambda: caller)
        tcp = MemoryEndpoint(self.listener, self.clock)
        tcp.connect(TLSMemoryBIOFactory(foreign, True, factory, self.clock))
        tcp.pump.flush()
        self.clock.advance(HANDSHAKE_SECONDS)
        tcp.pump.flush()
        return caller

    def assert_turned_away(self, context: SSL.Context, code: str) -> None:
        self.assertEqual(self.call(Foreign(context)).received, b"")
        self.assertEqual(self.bob.talkers.made, [])
        self.assertEqual(self.bob.counts, {("", code): 1})

    def test_a_known_node_may_use_other_software(self) -> None:
        self.assertEqual(self.call(Foreign(self.context())).received, b"from bob")

    def test_older_versions_are_refused(self) -> None:
        self.assert_turned_away(self.context(version=SSL.TLS1_2_VERSION), "wrong_protocol")

    def test_a_certificate_is_required(self) -> None:
        self.assert_turned_away(self.context(own=None), "wrong_protocol")

    def test_silence_about_the_protocol_is_refused(self) -> None:
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_certificate(ALICE.certificate)
        context.use_privatekey(ALICE.key)
        self.assert_turned_away(context, "wrong_protocol")

    def test_only_the_certificate_whose_key_is_proved_counts(self) -> None:
        context = self.context(own=MALLORY)
        context.add_extra_chain_cert(crypto.X509.from_cryptography(ALICE.certificate))
        self.assert_turned_away(context, "peer_unknown")

    def test_a_superfluous_certificate_changes_nothing(self) -> None:
        context = self.context()
        context.add_extra_chain_cert(crypto.X509.from_cryptography(MALLORY.certificate))
        self.assertEqual(self.call(Foreign(context)).received, b"from bob")

    def test_another_kind_of_key_is_refused(self) -> None:
        context = SSL.Context(SSL.TLS_METHOD)
        key = generate_private_key(SECP256R1())
        nameless, day = x509.Name([]), datetime(2020, 1, 1, tzinfo=UTC)
        builder = x509.CertificateBuilder(issuer_name=nameless, subject_name=nameless)
        builder = builder.public_key(key.public_key()).serial_number(1)
        context.use_certificate(
            builder.not_valid_before(day).not_valid_after(day).sign(key, SHA256())
        )
        context.use_privatekey(key)
        context.set_alpn_protos([LINK_PROTOCOL])
        self.assert_turned_away(context, "peer_unknown")

    def test_no_session_can_be_resumed(self) -> None:
        foreign = Foreign(self.context())
        self.call(foreign)
        foreign.session = foreign.made[0].get_session()
        self.assertIsNotNone(foreign.session)
        self.assertEqual(self.call(foreign).received, b"from bob")
        first, second = (connection.get_finished() for connection in foreign.made)
        self.assertNotEqual(first, second)
        self.assertEqual(self.bob.counts, {(HYBRID_GROUP, "ok"): 2})

    def test_strangers_leave_nothing_but_a_count(self) -> None:
        foreign = Foreign(self.context(own=MALLORY))
        for number in range(1, 21):
            self.call(foreign)
            self.assertEqual(self.bob.counts, {("", "peer_unknown"): number})
        self.assertEqual(self.listener._tls.protocols, {})
        self.assertEqual((self.admission._unfinished, self.admission._familiar), ({}, {}))

    def test_the_memory_of_a_stranger_is_freed_at_once(self) -> None:
        """A cycle would keep 60 kB each until the collector comes by."""
        classical = self.context()
        SSL._lib.SSL_CTX_set1_curves_list(classical._context, b"X25519")  # type: ignore[attr-defined] # see wires
        silent = self.context()
        silent.set_alpn_protos([b"h2"])
        for context in (self.context(own=MALLORY), self.context(own=None), classical, silent):
            gc.collect()
            gc.disable()
            try:
                tcp = MemoryEndpoint(self.listener, self.clock)
                factory = Factory.forProtocol(Caller)
                tcp.connect(TLSMemoryBIOFactory(Foreign(context), True, factory, self.clock))
                line = weakref.ref(tcp.pump.server.getHandle())
                tcp.pump.flush()
                del tcp, factory
                self.assertIsNone(line())
            finally:
                gc.enable()
        self.assertEqual(sum(self.bob.counts.values()), 4)

    def test_other_protocols_end_in_one_error(self) -> None:
        for said in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff", b"\0" * 4000):
            transport = self.listener.buildProtocol(IPv4Address("TCP", "192.0.2.9", 1))
            assert transport is not None
            wire = StringTransportWithDisconnection()
            wire.protocol = transport
            transport.makeConnection(wire)
            transport.dataReceived(said)
            self.clock.advance(HANDSHAKE_SECONDS)
        self.assertEqual(self.bob.talkers.made, [])
        self.assertEqual(sum(self.bob.counts.values()), 3)

    def test_of_many_that_are_refused_a_few_are_logged(self) -> None:
        with capturedLogs() as said:
            for _ in range(3 * BURST):
                transport = self.listener.buildProtocol(self.caller())
                assert transport is not None
                wire = StringTransportWithDisconnection()
                wire.protocol = transport
                transport.makeConnection(wire)
                transport.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
                self.clock.advance(1)
            self.listener.doStart()
            self.listener.doStop()
        refused = [e for e in said if e["log_format"].startswith("refused")]
        self.assertGreaterEqual(len(refused), BURST)
        self.assertLessEqual(len(refused), BURST + 3 * BURST * RATE + 1)
        self.assertRegex(formatEvent(refused[0]), r"^refused [0-9.]+ port [0-9]+: \w")
        self.assertEqual(said[-1]["count"], 3 * BURST - len(refused))

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_a_damaged_handshake_ends_in_one_error(self, data: st.DataObject) -> None:
        """Every byte that a caller may send first: no other exception, nothing left."""
        said = bytearray(self.hello())
        for _ in range(data.draw(st.integers(1, 3))):
            said[data.draw(st.integers(0, len(said) - 1))] = data.draw(st.integers(0, 255))
        admission = Admission(self.clock.seconds)
        transport = self.bob.listener(self.clock, admission).buildProtocol(self.caller())
        assert transport is not None
        wire = StringTransportWithDisconnection()
        wire.protocol = transport
        transport.makeConnection(wire)
        transport.dataReceived(bytes(said))
        self.clock.advance(HANDSHAKE_SECONDS)
        self.assertEqual(admission.unfinished, 0)
        self.assertEqual(self.bob.talkers.made, [])

    def hello(self) -> bytes:
        connection = SSL.Connection(self.context(), None)
        connection.set_connect_state()
        self.assertRaises(SSL.WantReadError, connection.do_handshake)
        return connection.bio_read(65536)

    def caller(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.9", 1)


class ExplainTests(SynchronousTestCase):
    def test_other_reasons_are_left_alone(self) -> None:
        reason = ConnectionLost()
        self.assertIs(explain(None, reason), reason)

    def test_a_certificate_alert_is_a_refusal(self) -> None:
        for said in ("tlsv1 alert unknown ca", "ssl/tls alert certificate unknown"):
            self.assertIsInstance(explain(None, SSL.Error([("", "", said)])), RefusedByPeerError)

    def test_other_alerts_are_not(self) -> None:
        for reason in (SSL.Error([("", "", "tlsv1 alert no application protocol")]), SSL.Error()):
            self.assertIsInstance(explain(None, reason), WrongProtocolError)
