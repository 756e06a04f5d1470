"""What a node dials: shared first attempts, and addresses that are kept."""

from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import SynchronisationError
from dynamicrypt.node.dialling import Dialling
from dynamicrypt.peer.dialler import LONGEST_PAUSE
from dynamicrypt.peer.link import LinkProtocol
from dynamicrypt.peer.peers import Address

HERE, THERE = Address("here", 1), Address("there", 1)
PEER, OTHER = b"p" * 32, b"o" * 32


class Line:
    """A link, as far as who dials looks at it."""

    def __init__(self, fingerprint: bytes) -> None:
        self.fingerprint = fingerprint
        self.accepted: Deferred[None] = Deferred()
        self.closed: Deferred[None] = Deferred()
        self.said = ""

    def stop(self, reason: str) -> None:
        self.said = self.said or reason

    def drop(self) -> None:
        self.stop("dropped")


class Network:
    """Calls that the test answers."""

    def __init__(self) -> None:
        self.links: dict[bytes, Line] = {}
        self.calls: list[tuple[Address, bytes | None, Deferred[Line]]] = []

    def link(self, fingerprint: bytes) -> Line | None:
        return self.links.get(fingerprint)

    def when_down(self, fingerprint: bytes) -> Deferred[None]:
        return Deferred() if fingerprint in self.links else succeed(None)

    async def connect(self, address: Address, fingerprint: bytes | None) -> Line:
        call: Deferred[Line] = Deferred()
        self.calls.append((address, fingerprint, call))
        return await call

    def answer(self, fingerprint: bytes, call: int = -1) -> Line:
        """A peer takes the call; its link is up, if it has none."""
        line = Line(fingerprint)
        self.calls[call][2].callback(line)
        if self.links.setdefault(fingerprint, line) is line:
            line.accepted.callback(None)
        else:
            line.accepted.errback(SynchronisationError("redundant"))
        return line

    def fail(self) -> None:
        self.calls[-1][2].errback(SynchronisationError("nobody there"))


class DiallingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.network = Clock(), Network()
        self.dialling = Dialling(self.clock, cast("Any", self.network))
        self.addCleanup(self.end)

    def end(self) -> None:
        self.dialling.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def reach(self, address: Address = HERE) -> Deferred[LinkProtocol]:
        return Deferred.fromCoroutine(self.dialling.reach(address))

    def failing(self, address: Address) -> Deferred[LinkProtocol]:
        """A call that meets nobody."""
        reaching = self.reach(address)
        self.network.fail()
        return reaching

    def dialled(self) -> list[tuple[Address, bytes | None]]:
        return [(address, fingerprint) for address, fingerprint, _ in self.network.calls]

    def test_callers_share_the_first_attempt(self) -> None:
        both = self.reach(), self.reach()
        line = self.network.answer(PEER)
        self.assertEqual(self.dialled(), [(HERE, None)])
        for reaching in both:
            self.assertIs(cast("Any", self.successResultOf(reaching)), line)

    def test_callers_share_its_failure_and_then_nobody_is_dialled(self) -> None:
        both = self.reach(), self.reach()
        self.network.fail()
        for reaching in both:
            failure = self.failureResultOf(reaching, SynchronisationError)
            self.assertIn("nobody there", str(failure.value))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_caller_who_stops_waiting_harms_no_other(self) -> None:
        impatient, patient = self.reach(), self.reach()
        impatient.cancel()
        self.failureResultOf(impatient, CancelledError)
        self.network.answer(PEER)
        self.successResultOf(patient)

    def test_nobody_is_dialled_for_callers_who_all_stopped_waiting(self) -> None:
        for reaching in [self.reach(), self.reach()]:
            reaching.cancel()
            self.failureResultOf(reaching, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(self.network.calls[0][2].called)

    def test_tells_why_a_peer_is_dialled_in_vain(self) -> None:
        self.assertIsNone(self.dialling.failure(PEER))
        self.dialling.keep(HERE, PEER, known=True)
        self.assertIsNone(self.dialling.failure(PEER))
        self.network.fail()
        self.assertEqual(str(self.dialling.failure(PEER)), "nobody there")

    def test_logs_whom_it_does_not_reach_unless_there_is_a_link_already(self) -> None:
        with capturedLogs() as logged:
            self.dialling.keep(HERE, PEER, known=True)
            self.network.fail()
            self.failureResultOf(self.failing(THERE), SynchronisationError)
            self.clock.advance(LONGEST_PAUSE)
            self.network.answer(PEER)
            self.reach(THERE)
            self.assertEqual(self.network.answer(PEER).said, "redundant")
        self.assertEqual([str(event["address"]) for event in logged], [str(HERE)])

    def test_address_that_was_reached_is_dialled_again(self) -> None:
        self.reach()
        line = self.network.answer(PEER)
        self.assertTrue(self.dialling.calls(PEER))
        del self.network.links[PEER]
        line.closed.callback(None)
        self.clock.advance(LONGEST_PAUSE)
        self.assertEqual(self.dialled(), [(HERE, None), (HERE, PEER)])

    def test_peer_that_is_kept_is_dialled_on_after_another_caller_failed(self) -> None:
        self.dialling.keep(HERE, PEER, known=True)
        self.network.fail()
        reaching = self.reach()
        self.network.fail()
        self.failureResultOf(reaching, SynchronisationError)
        self.clock.advance(LONGEST_PAUSE)
        self.assertEqual(self.dialled(), [(HERE, PEER), (HERE, None), (HERE, PEER)])

    def test_peer_behind_two_addresses_is_dialled_at_the_one_that_has_the_link(self) -> None:
        self.dialling.keep(HERE, PEER, known=True)
        self.network.fail()
        reaching = self.reach(THERE)
        line = self.network.answer(PEER)
        self.successResultOf(reaching)
        self.assertEqual(line.said, "")
        self.assertEqual([each.address for each in self.dialling._targets], [THERE])

    def test_second_link_to_a_peer_is_redundant(self) -> None:
        self.dialling.keep(HERE, PEER, known=True)
        first = self.network.answer(PEER)
        reaching = self.reach(THERE)
        second = self.network.answer(PEER)
        self.assertIs(cast("Any", self.successResultOf(reaching)), first)
        self.assertEqual((first.said, second.said), ("", "redundant"))
        self.assertEqual([each.address for each in self.dialling._targets], [HERE])

    def test_peer_with_a_new_address_is_dialled_there(self) -> None:
        self.dialling.keep(HERE, PEER, known=True)
        self.dialling.keep(HERE, PEER, known=True)
        self.dialling.keep(THERE, PEER, known=True)
        self.assertEqual(self.dialled(), [(HERE, PEER), (THERE, PEER)])
        self.assertTrue(self.network.calls[0][2].called)

    def test_address_that_a_caller_named_is_dialled_beside_the_known_one(self) -> None:
        self.reach(THERE)
        line = self.network.answer(PEER)
        self.dialling.keep(HERE, PEER, known=True)
        self.dialling.keep(HERE, PEER, known=True)
        del self.network.links[PEER]
        line.closed.callback(None)
        self.clock.advance(LONGEST_PAUSE)
        self.assertIn((THERE, PEER), self.dialled()[1:])
        self.assertEqual({each.address for each in self.dialling._targets}, {HERE, THERE})

    def test_address_that_a_caller_named_again_is_dialled_beside_the_known_one(self) -> None:
        self.dialling.keep(HERE, PEER, known=True)
        for address in (HERE, THERE):
            self.dialling.keep(address, PEER, known=False)
        self.dialling.keep(Address("elsewhere", 1), PEER, known=True)
        addresses = {each.address.host for each in self.dialling._targets}
        self.assertEqual(addresses, {"here", "there", "elsewhere"})

    def test_peer_that_moved_to_where_a_caller_found_it_is_dialled_there_only(self) -> None:
        self.dialling.keep(HERE, PEER, known=True)
        self.dialling.keep(THERE, PEER, known=False)
        self.dialling.keep(THERE, PEER, known=True)
        self.assertEqual([each.address for each in self.dialling._targets], [THERE])

    def test_peers_that_are_released_are_dialled_no_more(self) -> None:
        self.dialling.keep(HERE, PEER, known=True)
        line = self.network.answer(PEER)
        self.dialling.keep(THERE, OTHER, known=True)
        for fingerprint in (PEER, OTHER):
            self.dialling.release(fingerprint)
            self.assertFalse(self.dialling.calls(fingerprint))
        self.assertEqual(line.said, "")
        self.assertEqual(self.clock.getDelayedCalls(), [])
