"""A pairing over real TLS, without a network: what both hosts know and say afterwards."""

import random
from pathlib import Path

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.peer.admission import MAX_PER_ADDRESS, Admission
from dynamicrypt.peer.errors import (
    CodeVoidError,
    HalfPairedError,
    NobodyPairedError,
    OwnNodeError,
    PairingBrokenError,
    PeerUnreachableError,
    StateFileError,
    WrongCodeError,
    WrongProtocolError,
)
from dynamicrypt.peer.handshake import HandshakeCounts, SecuredEndpoint, SecuredListener
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.pairing import PAIRING_PROTOCOL, Announcement
from dynamicrypt.peer.pairing_code import OneTimeCode
from dynamicrypt.peer.pairing_link import WAIT_SECONDS, dial_pairing, wait_for_pairing
from dynamicrypt.peer.pairing_messages import Share, encode
from dynamicrypt.peer.pairing_run import RUN_SECONDS, AnyNode, Host
from dynamicrypt.peer.peers import Address, Peer
from dynamicrypt.peer.peers_file import PeersFile
from dynamicrypt.peer.statedir import StateDirectory
from dynamicrypt.peer.tls import LINK_PROTOCOL, TlsIdentity
from tests.peer.wires import ALICE, BOB, MALLORY, MemoryEndpoint, Talkers

GOOD, BAD = "abcdef", "abcdeg"


class Port:
    """A listening port: the factory behind it, and whether it is open."""

    def __init__(self) -> None:
        self.factory: IProtocolFactory | None = None
        self.open = False

    def listen(self, factory: IProtocolFactory) -> Deferred[object]:
        self.factory = factory
        self.open = True
        return succeed(self)

    def getHost(self) -> IAddress:
        return IPv4Address("TCP", "192.0.2.2", 7002)

    def stopListening(self) -> None:
        self.open = False


class PairingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.alice = self.host(ALICE, Announcement(name="alice", port=7001))
        self.bob = self.host(BOB, Announcement(name="bob", port=7002))
        self.code = OneTimeCode(GOOD)
        self.port = Port()
        self.heard: list[IAddress] = []
        self.waiting = Deferred.fromCoroutine(
            wait_for_pairing(self.bob, self.code, self.port, self.heard.append)  # type: ignore[arg-type] # no more of an endpoint is asked for
        )

    def tearDown(self) -> None:
        self.waiting.addErrback(lambda _failure: None)
        self.waiting.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(self.port.open)

    def host(self, own: Identity, announced: Announcement) -> Host:
        directory = StateDirectory(Path(self.mktemp()), create=True)
        return Host(
            identity=own,
            peers=PeersFile(directory),
            announced=announced,
            entropy=random.Random(5).randbytes,
            clock=self.clock,
        )

    def begin(self, code: str = GOOD, host: Host | None = None) -> Deferred[Peer]:
        """Dial bob; nothing has crossed yet."""
        assert self.port.factory is not None
        self.tcp = MemoryEndpoint(self.port.factory, self.clock)
        caller = host or self.alice
        return Deferred.fromCoroutine(
            dial_pairing(caller, OneTimeCode(code), self.tcp, "bob.example")
        )

    def dial(self, code: str = GOOD, host: Host | None = None) -> Deferred[Peer]:
        dialled = self.begin(code, host)
        self.tcp.pump.flush()
        return dialled

    def nobody_is_known(self) -> None:
        for host in (self.alice, self.bob):
            self.assertEqual(list(host.peers.current()), [])


class PairingLinkTests(PairingCase):
    def test_both_hosts_know_each_other_and_where(self) -> None:
        dialled = self.dial()
        bob = Peer(name="bob", fingerprint=BOB.fingerprint, address=Address("bob.example", 7002))
        alice = Peer(
            name="alice", fingerprint=ALICE.fingerprint, address=Address("192.0.2.1", 7001)
        )
        self.assertEqual(self.successResultOf(dialled), bob)
        self.assertEqual(self.successResultOf(self.waiting), alice)
        self.assertEqual(list(self.alice.peers.current()), [bob])
        self.assertEqual(list(self.bob.peers.current()), [alice])

    def test_a_node_that_cannot_be_dialled_has_no_address(self) -> None:
        hidden = self.host(ALICE, Announcement(name="alice", port=0))
        self.dial(host=hidden)
        self.assertIsNone(self.successResultOf(self.waiting).address)

    def test_pairing_again_changes_no_name(self) -> None:
        known = Peer(name="frida", fingerprint=ALICE.fingerprint, allow_classical=True)
        self.bob.peers.update(lambda others: others.with_peer(known))
        self.dial()
        peer = self.successResultOf(self.waiting)
        self.assertEqual((peer.name, peer.allow_classical), ("frida", True))

    def test_the_listener_says_where_it_waits(self) -> None:
        self.assertEqual(self.heard, [self.port.getHost()])

    def test_the_listener_closes_after_the_pairing(self) -> None:
        self.assertTrue(self.port.open)
        self.dial()
        self.assertFalse(self.port.open)

    def test_a_wrong_code_is_told_to_both_and_ends_the_waiting(self) -> None:
        dialled = self.dial(BAD)
        self.failureResultOf(dialled, WrongCodeError)
        self.failureResultOf(self.waiting, WrongCodeError)
        self.assertTrue(self.code.void)
        self.assertFalse(self.port.open)
        self.nobody_is_known()

    def begin_and_void(self) -> Deferred[Peer]:
        """Dial bob and stop where he has just answered the guess."""
        dialled = self.begin()
        while not self.code.void:
            self.assertTrue(self.tcp.pump.pump())
        return dialled

    def test_while_one_guess_is_under_way_others_find_the_code_void(self) -> None:
        self.begin_and_void()
        first = self.tcp
        self.failureResultOf(self.dial(), CodeVoidError)
        first.pump.flush()
        self.successResultOf(self.waiting)

    def call(self, said: bytes, protocol: bytes = PAIRING_PROTOCOL) -> Deferred[IProtocol]:
        """Call bob with software of another making, say something, and hang up."""
        assert self.port.factory is not None
        tcp = MemoryEndpoint(self.port.factory, self.clock)
        options = TlsIdentity(MALLORY, protocol).client_options(AnyNode(MALLORY.fingerprint))
        endpoint = SecuredEndpoint(tcp, options, HandshakeCounts(), self.clock)
        called = endpoint.connect(Talkers(said))
        tcp.pump.flush()
        tcp.pump.clientIO.loseConnection()
        tcp.pump.flush()
        return called

    def test_callers_who_do_not_guess_change_nothing(self) -> None:
        self.clock.advance(1)
        share = encode(Share(element=b"B" + bytes(32)))
        for said in (b"", b"\n", b"hello\n", b"done\n", share + b"\n", b"a" * 5000, b"\xff" * 99):
            self.successResultOf(self.call(said))
        self.assertNoResult(self.waiting)
        self.assertFalse(self.code.void)
        self.clock.advance(RUN_SECONDS)
        self.successResultOf(self.dial())

    def test_the_link_port_is_told_from_the_pairing_port(self) -> None:
        self.failureResultOf(self.call(b"", LINK_PROTOCOL), WrongProtocolError)

    def test_nobody_comes_in_time(self) -> None:
        self.clock.advance(WAIT_SECONDS)
        self.failureResultOf(self.waiting, NobodyPairedError)

    def test_a_guess_at_the_last_moment_may_finish(self) -> None:
        self.clock.advance(WAIT_SECONDS - 1)
        self.begin_and_void()
        self.clock.advance(1)
        self.tcp.pump.flush()
        self.successResultOf(self.waiting)

    def test_a_dialler_that_stalls_after_the_answer_voids_the_code(self) -> None:
        dialled = self.begin_and_void()
        self.clock.advance(RUN_SECONDS)
        self.tcp.pump.flush()
        self.failureResultOf(dialled, WrongCodeError, PairingBrokenError)
        self.failureResultOf(self.waiting, WrongCodeError)
        self.nobody_is_known()

    def test_a_listener_that_cannot_write_tells_both(self) -> None:
        def full(_name: str, _content: bytes) -> None:
            raise StateFileError("no space left")

        self.patch(StateDirectory, "replace", lambda _self, name, content: full(name, content))
        dialled = self.dial()
        self.failureResultOf(self.waiting, StateFileError)
        self.failureResultOf(dialled, WrongCodeError)

    def test_a_dialler_that_cannot_write_leaves_the_listener_unsure(self) -> None:
        self.patch(self.alice.peers, "meet", self.refuse)
        dialled = self.dial()
        self.failureResultOf(dialled, StateFileError)
        self.failureResultOf(self.waiting, HalfPairedError)

    def refuse(self, _fingerprint: bytes, *, name: str, address: Address | None) -> Peer:
        raise StateFileError(f"cannot write {name} at {address}")

    def test_a_node_does_not_pair_with_itself(self) -> None:
        self.alice = self.host(BOB, Announcement(name="alice", port=7001))
        self.failureResultOf(self.dial(), OwnNodeError)
        self.assertNoResult(self.waiting)

    def test_waiting_can_be_given_up(self) -> None:
        self.waiting.cancel()
        self.failureResultOf(self.waiting, CancelledError)
        self.assertTrue(self.code.void)

    def test_the_listener_takes_no_more_callers_than_admitted(self) -> None:
        held = [(self.begin(), self.tcp) for _ in range(MAX_PER_ADDRESS)]
        self.failureResultOf(self.begin(), PeerUnreachableError)
        for dialled, tcp in held:
            dialled.cancel()
            tcp.pump.flush()
            self.failureResultOf(dialled, CancelledError)


class Middle(Protocol):
    """Forwards what it hears to `other`, or keeps it until there is one."""

    def __init__(self) -> None:
        self.other: Middle | None = None
        self.kept = b""
        self.heard = b""

    def join(self, other: "Middle") -> None:
        for one, two in ((self, other), (other, self)):
            one.other = two
            assert two.transport is not None
            two.transport.write(one.kept)

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        if self.other is None or self.other.transport is None:
            self.kept += data
        else:
            self.other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.loseConnection()


class MiddleTests(PairingCase):
    """Mallory stands between, with a certificate of his own towards each side."""

    def test_gets_nothing_and_both_sides_say_so(self) -> None:
        mallory = TlsIdentity(MALLORY, PAIRING_PROTOCOL)
        anyone = AnyNode(MALLORY.fingerprint)
        towards_alice, towards_bob = Middle(), Middle()
        trap = SecuredListener(
            mallory.server_options(anyone),
            Factory.forProtocol(lambda: towards_alice),
            Admission(self.clock.seconds),
            HandshakeCounts(),
            self.clock,
        )
        assert self.port.factory is not None
        lured = MemoryEndpoint(trap, self.clock)
        onward = MemoryEndpoint(self.port.factory, self.clock)
        dialled = Deferred.fromCoroutine(
            dial_pairing(self.alice, OneTimeCode(GOOD), lured, "bob.example")
        )
        SecuredEndpoint(
            onward, mallory.client_options(anyone), HandshakeCounts(), self.clock
        ).connect(Factory.forProtocol(lambda: towards_bob))
        lured.pump.flush()
        onward.pump.flush()
        towards_alice.join(towards_bob)
        while lured.pump.flush() or onward.pump.flush():
            pass
        # He did carry the messages, both ways.
        self.assertIn(b"confirm", towards_alice.heard)
        self.assertIn(b"refuse", towards_bob.heard)
        self.assertNotIn(b"confirm", towards_bob.heard)
        self.failureResultOf(dialled, WrongCodeError)
        self.failureResultOf(self.waiting, WrongCodeError)
        self.assertTrue(self.code.void)
        self.nobody_is_known()
