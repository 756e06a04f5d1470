"""A host that sleeps: its clock goes on, and nothing else did."""

from twisted.internet.task import deferLater

from dynamicrypt.errors import KeyExpiredError
from tests.node.hosts import ChannelTestCase, reactor

NIGHT = 8 * 3600.0


class SleepTests(ChannelTestCase):
    #: The clock jumps, and so do the time-outs of trial: this is more than a night.
    timeout = 1_000_000

    def setUp(self) -> None:
        self.slept = 0.0
        awake = reactor.seconds
        self.patch(reactor, "seconds", lambda: awake() + self.slept)
        super().setUp()

    async def test_after_a_night_old_keys_are_gone_and_new_ones_come(self) -> None:
        alice, bob = await self.pair()
        (evening,) = alice.seal(b"evening", 2)
        await deferLater(reactor, 0)  # the keys came inside an event of the link
        evening_keys = alice.supply.made
        self.slept = NIGHT
        self.assertRaises(KeyExpiredError, bob.open, evening)
        # What was under way in the evening makes no key in the morning: the link is another one.
        await self.until(lambda: alice.describe().keys_made > evening_keys)
        await alice.when_ready(2)
        for mode in (1, 2):
            (morning,) = alice.seal(b"morning", mode)
            self.assertEqual(bob.open(morning), b"morning")
