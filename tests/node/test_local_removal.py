"""An end of a channel within one node that is removed while the channel is closed."""

from typing import cast

from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.peer.fingerprint import show
from tests.node.hosts import ExchangeTestCase

ENDS = (("x", "y"), ("y", "x"))


class LocalRemovalTests(ExchangeTestCase):
    def open(self, name: str, partner: str) -> LinkChannel:
        node, peer = self.one.node, show(self.one.identity.fingerprint)
        return cast("LinkChannel", node.open_channel(name, partner, peer=peer, owner="o"))

    async def test_keys_of_an_end_that_was_removed_while_it_was_stopped_are_not_used(self) -> None:
        for name, _ in ENDS:
            self.one.node.create_service(name, owner="o")
        x, y = (self.open(*end) for end in ENDS)
        y.stop()
        self.one.node.close_channel("y", "x", owner="o")
        y = self.open("y", "x")
        self.assertTrue(x.live)
        for sender, receiver in ((x, y), (y, x)):
            for _ in range(2 * sender.store.limits.high):
                (sealed,) = sender.seal(b"m", 2)
                self.assertEqual(receiver.open(sealed), b"m")

    async def test_keys_of_an_end_that_was_stopped_stay(self) -> None:
        for name, _ in ENDS:
            self.one.node.create_service(name, owner="o")
        x, y = (self.open(*end) for end in ENDS)
        (late,) = x.seal(b"late", 2)
        y.stop()
        y.start()
        self.assertTrue(x.live)
        self.assertEqual(y.open(late), b"late")
