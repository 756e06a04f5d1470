"""The way of a channel's keys: stored, told of, waited for, and enough."""

from functools import partial
from typing import Any, cast

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError, SynchronisationError
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.pool_key import Mode, Use
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.node.events import Kind
from dynamicrypt.node.supply import KeySupply
from dynamicrypt.session.link_events import ChannelName, KeyConfirmed, KeyMade, KeyUnmatched
from dynamicrypt.session.link_statistics import Statistics
from tests.logs import lines_of

NAME = ChannelName("a", "b")


class Link:
    """Writes down what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def carries(self, _name: ChannelName) -> bool:
        return True

    def statistics(self, _name: ChannelName) -> Statistics:
        return Statistics()

    def pause(self, _name: ChannelName) -> None:
        self.asked.append("pause")

    def resume(self, _name: ChannelName) -> None:
        self.asked.append("resume")


class SupplyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.link = Link()
        self.told: list[Kind] = []
        self.store = KeyStore(StoreLimits(high=4, low=1, late=4))
        self.supply = KeySupply(
            NAME,
            self.store,
            link=lambda: cast("Any", self.link),
            publish=self.told.append,
            seconds=self.clock.seconds,
            later=partial(self.clock.callLater, 0),
        )
        self.supply.begin()
        self.number = 0

    def make(self, count: int = 1) -> None:
        """So many own keys, ready; who waits for them is told."""
        self.confirm(count)
        self.clock.advance(0)

    def confirm(self, count: int) -> None:
        """The link brings so many own keys in one event."""
        for _ in range(count):
            self.number += 1
            key_id, key = self.number.to_bytes(16), bytearray(b"k" * 32)
            self.supply.keep(
                KeyMade(channel=NAME, number=self.number, id=key_id, key=key, owner=True)
            )
            self.supply.confirm(KeyConfirmed(channel=NAME, id=key_id))

    def take(self, count: int = 1) -> None:
        self.store.own.take(Use(Mode.SECURE, 0), count, 0.0)
        self.supply.used()

    def test_machines_rest_when_there_are_keys_enough_and_wake_before_there_is_none(self) -> None:
        self.make(4)
        self.assertTrue(self.supply.resting)
        self.take(2)
        self.assertEqual(self.link.asked, ["pause"])
        self.take(1)
        self.assertFalse(self.supply.resting)
        self.assertEqual(self.link.asked, ["pause", "resume"])

    def test_the_log_counts_the_time_in_which_machines_work(self) -> None:
        with capturedLogs() as events:
            self.clock.advance(0.5)
            self.make(4)
            self.clock.advance(3600)
            self.take(3)
            self.clock.advance(0.25)
            self.make(3)
        lines = lines_of(events, "dynamicrypt.node.supply")
        self.assertEqual([line.split()[0] for line in lines], ["first", "enough", "enough"])
        self.assertTrue(lines[1].endswith("milliseconds=500"), lines[1])
        self.assertTrue(lines[2].endswith("milliseconds=750"), lines[2])

    def test_machines_wake_for_one_who_needs_more_keys_than_there_are(self) -> None:
        self.make(4)
        self.take(2)
        self.assertTrue(self.supply.resting)
        waiting = self.supply.when_ready(3)
        self.assertEqual(self.link.asked, ["pause", "resume"])
        self.make()
        self.successResultOf(waiting)

    def test_tells_of_the_first_key_and_of_the_last(self) -> None:
        self.make(2)
        self.assertEqual(self.told, [Kind.KEY_READY])
        self.take(2)
        self.assertEqual(self.told, [Kind.KEY_READY, Kind.KEY_LOW])
        self.make()
        self.assertEqual(self.told, [Kind.KEY_READY, Kind.KEY_LOW, Kind.KEY_READY])

    def test_counts_what_was_made_confirmed_and_different(self) -> None:
        self.make(2)
        self.supply.discard(KeyUnmatched(channel=NAME, id=(1).to_bytes(16)))
        counts = (self.supply.made, self.supply.confirmed, self.supply.unmatched)
        self.assertEqual(counts, (2, 2, 1))
        self.assertEqual(self.store.own.free, 1)

    def test_each_waits_for_as_many_keys_as_are_needed(self) -> None:
        one, three = self.supply.when_ready(1), self.supply.when_ready(3)
        self.make()
        self.successResultOf(one)
        self.make()
        self.assertNoResult(three)
        self.make()
        self.successResultOf(three)
        self.successResultOf(self.supply.when_ready(3))

    def test_who_waits_is_told_in_another_turn_than_that_of_the_link(self) -> None:
        one, three = self.supply.when_ready(1), self.supply.when_ready(3)
        self.confirm(3)
        self.assertNoResult(one)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(0)
        self.successResultOf(one)
        self.successResultOf(three)
        self.confirm(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody_is_told_of_a_key_that_another_has_taken_meanwhile(self) -> None:
        first, second = self.supply.when_ready(1), self.supply.when_ready(1)
        first.addCallback(lambda _: self.take())
        self.make()
        self.successResultOf(first)
        self.assertNoResult(second)
        self.make()
        self.successResultOf(second)

    def test_one_may_be_sent_away_while_others_are_told(self) -> None:
        first, second = self.supply.when_ready(1), self.supply.when_ready(1)
        first.addCallback(lambda _: second.cancel())
        self.make()
        self.failureResultOf(second, CancelledError)

    def test_who_waits_learns_that_no_key_will_come(self) -> None:
        both = self.supply.when_ready(1), self.supply.when_ready(4)
        self.supply.end(SynchronisationError("closed"))
        for waiting in both:
            self.failureResultOf(waiting, SynchronisationError)

    def test_no_store_ever_has_so_many(self) -> None:
        for count in (0, 5):
            self.assertRaises(ParameterError, self.supply.when_ready, count)
