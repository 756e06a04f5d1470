"""What a channel forgets, and when: gathered pieces, and keys of a process that ended."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import (
    KeyExpiredError,
    KeyUsedError,
    NoKeyYetError,
    UnknownKeyError,
)
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.events import EventLog, Kind
from dynamicrypt.session.link_events import KeysForgotten
from tests.keys.memory import secrets_in
from tests.node.hosts import ChannelTestCase
from tests.rest.keys import KeyMaker, make_channel, other_end


class GatheredTests(SynchronousTestCase):
    """Of a message whose other pieces never come."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.channel = make_channel(
            "shop", "bank", owner="o", events=EventLog(), seconds=self.clock.seconds
        )
        partner = other_end(self.channel, self.clock.seconds)
        KeyMaker().give(partner, self.channel, 3)
        first, _, _ = partner.seal(b"m", 4)
        self.assertIsNone(self.channel.open(first))
        self.assertNotEqual(secrets_in(self.channel.store.cells), b"")

    def assertForgotten(self) -> None:
        self.assertEqual(len(self.channel._gatherer), 0)
        self.assertEqual(secrets_in(self.channel.store.cells), b"")

    def test_they_go_with_the_partners_process(self) -> None:
        self.channel.partner_restarted()
        self.assertForgotten()

    def test_they_go_when_the_partner_has_forgotten(self) -> None:
        forgotten = KeysForgotten(channel=self.channel.name)
        self.channel.happened(None, forgotten)  # type: ignore[arg-type]  # asked for its link only
        self.assertForgotten()

    def test_they_go_with_the_channel(self) -> None:
        self.channel.close()
        self.assertForgotten()

    def test_they_go_in_time(self) -> None:
        self.clock.advance(self.channel.store.limits.held_time)
        self.channel.tick()
        self.assertForgotten()


class IdleTests(SynchronousTestCase):
    """A channel that nobody uses forgets by its clock alone."""

    def test_keys_and_events(self) -> None:
        clock, events = Clock(), EventLog()
        channel = make_channel("shop", "bank", owner="o", events=events, seconds=clock.seconds)
        partner = other_end(channel, clock.seconds)
        maker = KeyMaker()
        maker.give(channel, partner, 3)
        maker.give(partner, channel, 3)
        channel.seal(b"m", 1)
        clock.advance(channel.store.limits.lifetime)
        channel.tick()
        levels = channel.store.levels
        self.assertEqual((levels.free, levels.in_use, levels.held), (0, 0, 3))
        clock.advance(channel.store.limits.held_time - channel.store.limits.lifetime)
        channel.tick()
        self.assertEqual(channel.store.levels.held, 0)
        self.assertEqual(secrets_in(channel.store.cells), b"")
        self.assertEqual([each.kind for each in events.since(0)], [Kind.KEY_READY, Kind.KEY_LOW])


class ExpiredTests(SynchronousTestCase):
    """Messages whose keys are gone, from a partner that sent two of each mode."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.channel = make_channel(
            "shop", "bank", owner="o", events=EventLog(), seconds=self.clock.seconds
        )
        partner = other_end(self.channel, self.clock.seconds)
        KeyMaker().give(partner, self.channel, 30)
        ways = ((1, 0), (1, 0), (2, 0), (2, 0), (3, 2), (3, 2), (3, 5), (3, 5), (4, 0), (4, 0))
        sealed = [partner.seal(b"m", mode, limit=limit) for mode, limit in ways]
        self.opened = [part for parts in sealed[::2] for part in parts]
        self.late = [part for parts in sealed[1::2] for part in parts]
        for part in self.opened:
            self.channel.open(part)

    def wait(self, seconds: float) -> None:
        """The clock that a channel of a node has ticks every second."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self.channel.tick()

    def test_replays_are_used_late_ones_expired_and_in_the_end_all_are_unknown(self) -> None:
        held = self.channel.store.limits.held_time
        for seconds, used, expired in (
            (held, KeyUsedError, KeyExpiredError),
            (held - 1, KeyUsedError, KeyExpiredError),
            (held + 2, UnknownKeyError, UnknownKeyError),
        ):
            self.wait(seconds)
            for envelopes, error in ((self.opened, used), (self.late, expired)):
                for envelope in envelopes:
                    self.assertRaises(error, self.channel.open, envelope)
        self.assertEqual(len(self.channel.store.held._gone), 0)


class RestartTests(ChannelTestCase):
    async def test_keys_go_as_soon_as_the_new_process_is_met(self) -> None:
        """Even if it does not open the channel again."""
        alice, bob = await self.pair()
        (sealed,) = bob.seal(b"lost", 2)
        await self.two.stop()
        await self.until(lambda: not alice.live)
        self.two.start()
        await self.until(lambda: self.emptied(alice))
        self.assertRaises(NoKeyYetError, alice.seal, b"m", 1)
        self.assertRaises(UnknownKeyError, alice.open, sealed)

    def emptied(self, channel: LinkChannel) -> bool:
        levels = channel.store.levels
        return (levels.free, levels.held) == (0, 0)
