"""Who waits for keys, on a real link."""

from functools import partial

from twisted.internet.task import deferLater

from dynamicrypt.errors import NoKeyYetError
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.rest.desk.patience import Patience
from tests.node.hosts import ChannelTestCase, reactor


class PatienceTests(ChannelTestCase):
    def anew(self, channel: LinkChannel) -> LinkChannel:
        """The channel, closed and opened again, if it has a key."""
        if channel.store.own.free < 4:
            raise NoKeyYetError("not yet")
        self.one.node.close_channel("alice", "bob", owner="o")
        (peer,) = self.one.known
        again: LinkChannel = self.one.node.open_channel("alice", "bob", peer=peer.name, owner="o")
        return again

    async def test_who_waited_may_close_the_channel_and_open_it_anew(self) -> None:
        alice, bob = self.open(self.one, "alice", "bob"), self.open(self.two, "bob", "alice")
        for _ in range(16):
            patience = Patience(reactor, 30)
            again = await patience.get(alice, 4, partial(self.anew, alice))
            await deferLater(reactor, 0)
            # What the link still had to say of the old channel is not said to the new one.
            self.assertEqual((again.live, again.store.levels.free), (False, 0))
            self.assertEqual((again.supply.made, again.supply.confirmed), (0, 0))
            alice = again
        await alice.when_ready(2)
        for mode in (1, 2):
            (envelope,) = alice.seal(b"anew", mode)
            self.assertEqual(bob.open(envelope), b"anew")
