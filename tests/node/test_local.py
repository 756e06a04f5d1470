"""Two services of one node share keys without a link."""

from dynamicrypt.errors import KeyUsedError, NoKeyYetError, SynchronisationError
from dynamicrypt.node.channel import LinkChannel
from tests.node.test_exchange import HOST, ExchangeTestCase


class LocalChannelTests(ExchangeTestCase):
    def both(self) -> None:
        """Register x and y on the first host as each other's partners."""
        for name, partner in (("x", "y"), ("y", "x")):
            self.one.node.register(name, owner="o")
            self.one.node.configure(name, partner, owner="o")

    async def join(self) -> None:
        await self.one.node.synchronise("x", "y", HOST, self.one.port, owner="o")

    def channel(self, name: str, partner: str) -> LinkChannel:
        found: LinkChannel = self.one.node.channel(name, partner, owner="o")
        return found

    async def test_messages_cross_both_ways(self) -> None:
        self.both()
        await self.join()
        for sender, receiver in (("x", "y"), ("y", "x")):
            for mode in (1, 2):
                sealed = await self.sealed(self.one, sender, "to myself", mode)
                self.assertEqual(self.opened(self.one, receiver, sealed, mode), "to myself")
                self.assertRaises(KeyUsedError, self.opened, self.one, receiver, sealed, mode)

    async def test_keys_never_end(self) -> None:
        self.both()
        await self.join()
        keys = {(await self.sealed(self.one, "x", "m", 2)).key for _ in range(500)}
        self.assertEqual(len(keys), 500)

    async def test_both_ends_are_described(self) -> None:
        self.both()
        await self.join()
        for name, partner in (("x", "y"), ("y", "x")):
            status = self.channel(name, partner).describe()
            self.assertEqual((status.state, status.machines), ("resting", ()))
            self.assertEqual(status.keys_unmatched, 0)

    async def test_end_that_leaves_ends_the_other(self) -> None:
        self.both()
        await self.join()
        self.one.node.remove("y", owner="o")
        self.assertFalse(self.one.node.is_synchronising("x", owner="o"))
        self.assertRaises(NoKeyYetError, self.one.node.encrypt, "x", "m", 1, owner="o")

    async def test_service_that_expects_someone_else_is_refused(self) -> None:
        self.both()
        self.one.node.configure("y", "z", owner="o")
        with self.assertRaises(SynchronisationError):
            await self.join()

    async def test_stopped_end_refuses_until_it_is_started(self) -> None:
        self.both()
        await self.join()
        y = self.channel("y", "x")
        y.stop()
        self.assertFalse(self.channel("x", "y").live)
        y.start()
        self.assertTrue(self.channel("x", "y").live)
