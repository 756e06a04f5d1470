"""The ring of events."""

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import EventsLostError
from dynamicrypt.node.events import RING, Event, EventLog, Kind


class EventLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log = EventLog()

    def publish(self, count: int) -> None:
        for number in range(count):
            self.log.publish(Kind.KEY_READY, owner="o", number=number)

    def test_numbers_from_one_without_gaps(self) -> None:
        self.publish(3)
        self.assertEqual([event.id for event in self.log.since(0)], [1, 2, 3])
        self.assertEqual(self.log.last, 3)

    def test_gives_what_came_after(self) -> None:
        self.publish(5)
        self.assertEqual([event.id for event in self.log.since(3)], [4, 5])
        self.assertEqual(self.log.since(5), [])

    def test_keeps_so_many(self) -> None:
        self.publish(RING + 10)
        self.assertEqual(len(self.log.since(10)), RING)

    def test_says_when_events_were_missed(self) -> None:
        self.publish(RING + 10)
        self.assertRaises(EventsLostError, self.log.since, 9)

    def test_says_when_the_caller_is_ahead(self) -> None:
        """Its events are those of a former process."""
        self.publish(3)
        self.assertRaises(EventsLostError, self.log.since, 4)

    def test_a_watcher_that_fails_harms_nobody_else(self) -> None:
        seen: list[Event] = []
        self.log.subscribe(lambda _: 1 // 0)
        self.log.subscribe(seen.append)
        self.publish(2)
        self.assertEqual(len(seen), 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_tells_who_watches_until_they_end_it(self) -> None:
        seen: list[Event] = []
        end = self.log.subscribe(seen.append)
        self.publish(2)
        end()
        self.publish(1)
        self.assertEqual([event.id for event in seen], [1, 2])
        self.assertEqual(seen[0].data, {"number": 0})
