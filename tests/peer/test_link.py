"""A link session on a TLS transport: whose turn it is, and what counts at the end."""

import gc
import weakref
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError
from dynamicrypt.peer.link import CLOSING_SECONDS, OWN_FAULT, READ_BYTES, LinkProtocol
from dynamicrypt.peer.tls import LinkSecurity
from dynamicrypt.session.link import LINES, LinkSession
from dynamicrypt.session.link_events import ChannelName, LinkDown, LinkEvent, LinkUp
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_states import State
from tests.peer.wires import ALICE, BOB, MemoryEndpoint, Node, Talkers, knowing
from tests.session.link_pair import SMALL, make_session, node

PING = b"ping\t1\n"
PONG = b"pong\t1\n"
NAME = ChannelName("shop", "bank")


class Owner(Talkers):
    """Who has the one link of a side, and is told of its events."""

    def __init__(self, number: int, clock: Clock) -> None:
        super().__init__()
        self.number = number
        self.clock = clock
        self.told: list[LinkEvent] = []
        self.gone = 0
        self.link: Any = None

    def buildProtocol(self, addr: IAddress | None) -> LinkProtocol:
        self.link = LinkProtocol(self, self.clock)
        self.link.accepted.addErrback(lambda _: None)
        return cast("LinkProtocol", self.link)

    def new_session(self, security: LinkSecurity, exporter: bytearray) -> LinkSession:
        own, peer = node(self.number, self.number), node(1 - self.number, 9)
        return make_session(own, peer, exporter=bytes(exporter))

    def happened(self, link: LinkProtocol, event: LinkEvent) -> None:
        self.told.append(event)

    def lost(self, link: LinkProtocol) -> None:
        self.gone += 1


class Tap:
    """Stands for the TLS transport of a link that is up: notes what becomes of it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.said.append(name)


class Channel:
    """Stands for one that may go on, and has nothing to do."""

    def proceed(self) -> list[Any]:
        return []


class LinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.one, self.two = Owner(0, self.clock), Owner(1, self.clock)
        alice = Node(own=ALICE, peers=knowing(BOB), talkers=self.one)
        bob = Node(own=BOB, peers=knowing(ALICE), talkers=self.two)
        self.tcp = MemoryEndpoint(bob.listener(self.clock), self.clock)
        alice.endpoint(self.tcp, BOB.fingerprint, self.clock).connect(self.one)
        self.tcp.pump.flush()
        self.link: LinkProtocol = self.two.link

    def tap(self) -> Tap:
        tap = Tap()
        self.link.transport = tap  # type: ignore[assignment]  # only what the link uses of it
        return tap

    def fail_at(self, kind: type[LinkEvent], begun: Callable[[], object] = lambda: None) -> None:
        """Connect anew, to an owner that fails when it is told of this; `begun` at the start."""

        def happened(owner: Owner, link: LinkProtocol, event: LinkEvent) -> None:
            if owner.number == 1 and isinstance(event, kind):
                begun()
                raise LookupError

        self.patch(Owner, "happened", happened)
        self.setUp()
        self.addCleanup(self.flushLoggedErrors, LookupError)

    def test_both_sides_come_up(self) -> None:
        for owner in (self.one, self.two):
            self.assertEqual([type(event) for event in owner.told], [LinkUp])

    def test_rounds_do_not_wait_for_acknowledgements(self) -> None:
        asked: list[bool] = []
        self.patch(FakeTransport, "setTcpNoDelay", lambda _, enabled: asked.append(enabled))
        self.setUp()
        self.assertEqual(asked, [True, True])

    def test_a_read_is_short(self) -> None:
        self.assertEqual(self.tcp.pump.serverIO.bufferSize, READ_BYTES)
        self.assertEqual(self.tcp.pump.clientIO.bufferSize, READ_BYTES)

    def test_who_sends_a_lot_waits_for_its_turn(self) -> None:
        tap = self.tap()
        self.link.dataReceived(PING * (3 * LINES - 1))
        self.assertEqual((tap.written, tap.said), ([PONG * LINES], ["pauseProducing"]))
        self.clock.advance(0)
        self.assertEqual(tap.written, [PONG * LINES, PONG * LINES, PONG * (LINES - 1)])
        self.assertEqual(tap.said, ["pauseProducing", "resumeProducing"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_fits_a_turn_is_not_paused(self) -> None:
        tap = self.tap()
        self.link.dataReceived(PING * LINES)
        self.assertEqual((tap.written, tap.said), ([PONG * LINES], []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_gate_is_closed_while_the_network_takes_nothing(self) -> None:
        tap = self.tap()
        self.link.pauseProducing()
        self.clock.advance(0)
        self.link.dataReceived(PING)
        self.assertEqual(tap.written, [])
        self.link.resumeProducing()
        self.assertEqual(tap.written, [PONG])

    def test_gate_stays_open_where_the_network_takes_all_within_a_turn(self) -> None:
        tap = self.tap()
        self.link.pauseProducing()
        self.link.pauseProducing()
        self.link.resumeProducing()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.link.dataReceived(PING)
        self.assertEqual(tap.written, [PONG])

    def test_channels_that_the_gate_held_back_go_on_in_turns(self) -> None:
        tap = self.tap()
        channels: Any = self.link.session._channels
        channels._due = {number: Channel() for number in range(2 * LINES + 1)}
        went: list[int] = []
        go_on = channels.go_on

        def note(most: int) -> Any:
            went.append(most)
            return go_on(most)

        self.patch(channels, "go_on", note)
        self.link.resumeProducing()
        self.assertEqual((went, tap.said), ([LINES], ["pauseProducing"]))
        self.clock.advance(0)
        self.assertEqual(went, [LINES, LINES, 1])
        self.assertEqual(tap.said, ["pauseProducing", "resumeProducing"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_gate_of_a_link_that_ended_is_left_alone(self) -> None:
        self.link.pauseProducing()
        self.link.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_link_whose_owner_fails_at_its_start_is_given_up(self) -> None:
        accepted: list[object] = []
        self.fail_at(LinkUp, lambda: self.two.link.accepted.addCallback(accepted.append))
        self.assertEqual(accepted, [None])
        self.assertIs(self.link.session.state, State.CLOSED)

    def test_link_whose_owner_fails_at_its_end_is_closed_all_the_same(self) -> None:
        self.fail_at(LinkDown)
        tap = self.tap()
        self.link.stop("enough")
        self.assertIn("loseConnection", tap.said)
        self.link.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_came_before_the_end_of_the_connection_counts(self) -> None:
        tap = self.tap()
        self.link.dataReceived(PING * 2 * LINES + b"goodbye\tenough\n")
        self.link.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(tap.written, [PONG * LINES] * 2)
        end = self.two.told[-1]
        assert isinstance(end, LinkDown)
        self.assertEqual(end.reason, "enough")
        self.assertEqual(self.two.gone, 1)

    def test_end_is_told_though_what_came_before_it_is_not_taken(self) -> None:
        self.tap()
        self.link.dataReceived(PING * 2 * LINES)
        self.patch(self.link.session._dialogue, "take", lambda *_: 1 // 0)
        self.link.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIsInstance(self.two.told[-1], LinkDown)
        self.assertEqual(self.two.gone, 1)

    def assert_fault_of_ours(self, tap: Tap) -> None:
        """It was logged, the peer was told, and the link is over."""
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(tap.written[-1], b"goodbye\t%b\n" % OWN_FAULT.encode())
        end = self.two.told[-1]
        assert isinstance(end, LinkDown)
        self.assertEqual(end.reason, OWN_FAULT)
        self.assertEqual(tap.said[-1], "loseConnection")
        self.link.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_fault_of_ours_in_a_later_turn_ends_the_link_at_once(self) -> None:
        tap = self.tap()
        self.link.dataReceived(PING * 3 * LINES)
        self.patch(self.link.session._dialogue, "take", lambda *_: 1 // 0)
        self.clock.advance(0)
        self.assertEqual(tap.said.pop(), "resumeProducing")
        self.assert_fault_of_ours(tap)

    def test_fault_of_ours_ends_the_link_wherever_it_happens(self) -> None:
        for work, cause in (
            ("receive", lambda link: link.dataReceived(PING)),
            ("tick", lambda link: link.tick()),
            ("gate", lambda link: link.resumeProducing()),
            ("open", lambda link: link.open(NAME, SMALL, Ledger())),
            ("ping", lambda link: link.ping()),
        ):
            tap = self.tap()
            self.patch(self.link.session, work, lambda *_, **__: 1 // 0)
            cause(self.link)
            self.assert_fault_of_ours(tap)
            self.setUp()

    def test_misuse_is_told_to_the_caller_and_ends_no_link(self) -> None:
        tap = self.tap()
        name = ChannelName("a\tb", "c")
        self.assertRaises(ParameterError, self.link.open, name, SMALL, Ledger())
        self.assertEqual((tap.written, tap.said), ([], []))
        self.assertIs(self.link.session.state, State.UP)

    def test_end_is_told_though_the_session_fails_at_it(self) -> None:
        self.tap()
        self.patch(self.link.session._channels, "drop", lambda *_: 1 // 0)
        self.link.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIsInstance(self.two.told[-1], LinkDown)
        self.assertEqual(self.two.gone, 1)

    def test_end_is_told_though_the_session_fails_at_the_last_lines_and_at_the_end(self) -> None:
        self.tap()
        self.link.dataReceived(PING * 2 * LINES)
        self.patch(self.link.session._dialogue, "take", lambda *_: 1 // 0)
        self.patch(self.link.session._channels, "drop", lambda *_: 1 // 0)
        self.link.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertIsInstance(self.two.told[-1], LinkDown)
        self.assertEqual(self.two.gone, 1)

    def test_memory_of_a_link_that_is_over_is_freed_at_once(self) -> None:
        gc.disable()
        self.addCleanup(gc.enable)
        self.link.pauseProducing()
        self.link.dataReceived(PING * 2 * LINES)
        self.link.stop("enough")
        self.tcp.pump.flush()
        self.clock.advance(CLOSING_SECONDS)
        link, session = weakref.ref(self.link), weakref.ref(self.link.session)
        self.link = self.two.link = None  # type: ignore[assignment]  # the test's are the last
        self.assertEqual((link(), session()), (None, None))

    def test_nothing_is_taken_after_a_fault(self) -> None:
        tap = self.tap()
        self.link.dataReceived(b"nonsense\n" + PING * 3 * LINES)
        self.assertIsInstance(self.two.told[-1], LinkDown)
        self.assertNotIn(PONG, b"".join(tap.written))
        self.assertNotIn("pauseProducing", tap.said)
