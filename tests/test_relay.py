"""The relay of the tests is the network that it says it is."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from dynamicrypt.peer.errors import CertificateChangedError
from dynamicrypt.peer.tls import LINK_PROTOCOL
from tests.peer.wires import ALICE, BOB, MALLORY, Node, Talkers, knowing
from tests.relay import LOOPBACK, Impostor, Relay, _Way

LOOP: Any = reactor


class WayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.relay = Relay(self.clock, TCP4ClientEndpoint(LOOP, LOOPBACK, 1), delay=0.05)
        self.way = _Way(self.relay, self.clock)
        self.sink = StringTransport()
        self.way.sink = self.sink

    def tearDown(self) -> None:
        self.way.drop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_every_chunk_is_late_by_the_same_time(self) -> None:
        for number in range(100):
            self.way.push(b"%02d" % number)
            self.clock.advance(0.01)
        # 1 s has passed: the last chunks of 0.05 s are under way, however many came before.
        self.assertEqual(len(self.sink.value()) / 2, 96)
        self.clock.advance(0.05)
        self.assertEqual(self.sink.value(), b"".join(b"%02d" % number for number in range(100)))

    def test_a_burst_arrives_at_once(self) -> None:
        for _ in range(1000):
            self.way.push(b"x")
        self.clock.advance(0.05)
        self.assertEqual(len(self.sink.value()), 1000)

    def test_the_end_comes_after_what_was_said(self) -> None:
        self.way.push(b"x")
        self.way.push(None)
        self.assertFalse(self.sink.disconnecting)
        self.clock.advance(0.05)
        self.assertEqual((self.sink.value(), self.sink.disconnecting), (b"x", True))

    def test_what_is_held_comes_later_and_in_order(self) -> None:
        self.relay.hold()
        self.way.push(b"a")
        self.clock.advance(30)
        self.way.push(b"b")
        self.assertEqual(self.sink.value(), b"")
        self.relay.release()
        self.way.deliver()
        self.assertEqual(self.sink.value(), b"a")
        self.clock.advance(0.05)
        self.assertEqual(self.sink.value(), b"ab")


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class Client(Protocol):
    """Collects until `enough` bytes came, or the connection ended."""

    def __init__(self, enough: int) -> None:
        self.enough = enough
        self.received = bytearray()
        self.done: Deferred[bytes] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if len(self.received) >= self.enough and not self.done.called:
            self.done.callback(bytes(self.received))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class RelayTests(TestCase):
    async def start(self) -> None:
        """An echo service, and a relay to it."""
        server = TCP4ServerEndpoint(LOOP, 0, interface=LOOPBACK)
        port: Any = await server.listen(Factory.forProtocol(Echo))
        self.addCleanup(maybeDeferred, port.stopListening)
        self.relay = Relay(LOOP, TCP4ClientEndpoint(LOOP, LOOPBACK, port.getHost().port))
        await self.relay.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.relay.stop()))

    async def connect(self, enough: int) -> Client:
        client = Client(enough)
        endpoint = TCP4ClientEndpoint(LOOP, LOOPBACK, self.relay.number)
        await endpoint.connect(Factory.forProtocol(lambda: client))
        return client

    async def test_passes_what_is_said_both_ways(self) -> None:
        await self.start()
        said = bytes(range(256)) * 8192
        client = await self.connect(len(said))
        assert client.transport is not None
        client.transport.write(said)
        self.assertEqual(await client.done, said)

    async def test_a_round_trip_takes_both_delays(self) -> None:
        await self.start()
        self.relay.delay = 0.02
        client = await self.connect(1)
        assert client.transport is not None
        begun = LOOP.seconds()
        client.transport.write(b"x")
        await client.done
        self.assertGreater(LOOP.seconds() - begun, 0.039)

    async def test_a_cut_breaks_old_and_new_connections_until_it_is_mended(self) -> None:
        await self.start()
        client = await self.connect(1)
        self.relay.cut()
        await client.lost
        await (await self.connect(1)).lost
        self.relay.mend()
        again = await self.connect(1)
        assert again.transport is not None
        again.transport.write(b"x")
        self.assertEqual(await again.done, b"x")

    async def test_a_held_line_is_silent_and_open(self) -> None:
        await self.start()
        client = await self.connect(1)
        assert client.transport is not None
        self.relay.hold()
        client.transport.write(b"x")
        await deferLater(LOOP, 0.05)
        self.assertFalse(client.done.called or client.lost.called)
        self.relay.release()
        self.assertEqual(await client.done, b"x")


class ImpostorTests(TestCase):
    """A man in the middle of a link, over loopback."""

    async def test_each_side_that_he_reaches_reports_him_and_he_hears_nothing(self) -> None:
        alice = Node(own=ALICE, peers=knowing(BOB), talkers=Talkers(b"from alice"))
        bob = Node(own=BOB, peers=knowing(ALICE), talkers=Talkers(b"from bob"))
        bobs_door = TCP4ServerEndpoint(LOOP, 0, interface=LOOPBACK)
        port: Any = await bobs_door.listen(bob.listener(LOOP))
        self.addCleanup(maybeDeferred, port.stopListening)
        bobs = TCP4ClientEndpoint(LOOP, LOOPBACK, port.getHost().port)

        mallory = Impostor(identity=MALLORY, protocol=LINK_PROTOCOL, reactor=LOOP).relay(bobs)
        await mallory.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(mallory.stop()))
        trap = TCP4ClientEndpoint(LOOP, LOOPBACK, mallory.number)
        with self.assertRaises(CertificateChangedError):
            await alice.endpoint(trap, BOB.fingerprint, LOOP).connect(alice.talkers)
        self.assertEqual(alice.counts, {("", "peer_certificate_changed"): 1})
        self.assertEqual((mallory.heard, alice.talkers.made), (b"", []))

        # Even one who trusts mallory does not bring him past bob.
        victim = Node(own=ALICE, peers=knowing(MALLORY), talkers=Talkers(b"from a victim"))
        lured: Any = await victim.endpoint(trap, MALLORY.fingerprint, LOOP).connect(victim.talkers)
        while not (lured.lost and bob.counts):
            await deferLater(LOOP, 0.001)
        self.assertEqual(bob.counts, {("", "peer_unknown"): 1})
        self.assertEqual(bob.talkers.made, [])
        self.assertEqual(mallory.heard, b"from a victim")
