"""What applications of one node get wrong, or do all at once, harms nobody else."""

from twisted.internet.defer import Deferred

from dynamicrypt.errors import ParameterError, SynchronisationError, TooManyServicesError
from dynamicrypt.node import exchange as exchange_module
from dynamicrypt.node import opening as opening_module
from dynamicrypt.node.opening import Opening
from dynamicrypt.peer.fingerprint import show
from tests.node.hosts import HOST, ExchangeTestCase, Host


class CallerTestCase(ExchangeTestCase):
    def sync(self, name: str, partner: str, host: Host) -> Deferred[None]:
        """Service `name` of the first node calls `partner` at `host`."""
        return Deferred.fromCoroutine(
            self.one.node.synchronise(name, partner, HOST, host.port, owner="o")
        )

    def retry(self) -> None:
        """Let the channels that are not up try again."""
        self.patch(opening_module, "RETRY", 0.0)
        for _ in range(2):
            self.one.node._exchange._tick()

    async def works(self) -> None:
        """Nothing was logged, the clocks run, and the channel of the others makes keys."""
        self.assertEqual(self.flushLoggedErrors(), [])
        exchange = self.one.node._exchange
        self.assertTrue(exchange._ticker.running)
        self.assertTrue(exchange.links._ticker.running)
        sealed = await self.sealed(self.one, "alice", "still here", 2)
        self.assertEqual(self.opened(self.two, "bob", sealed, 2), "still here")


class NameTests(CallerTestCase):
    async def test_partner_that_no_link_can_name_is_refused(self) -> None:
        self.register()
        await self.synchronise()
        for partner in ("", "b\tb", "b\nb", "b\x1b[2J"):
            self.one.node.register("eve", owner="o")
            await self.assertFailure(self.sync("eve", partner, self.two), SynchronisationError)
            self.one.node.remove("eve", owner="o")
        self.retry()
        await self.works()

    async def test_channel_that_no_link_can_name_is_refused(self) -> None:
        node = self.one.node
        for service, partner in (("eve", "b\tb"), ("e\nve", "bob")):
            node.create_service(service, owner="o")
            self.assertRaises(
                ParameterError, node.open_channel, service, partner, peer="two", owner="o"
            )
            self.assertEqual(node.channels(service, owner="o"), [])
        self.register()
        await self.synchronise()
        await self.works()

    async def test_service_is_not_its_own_partner(self) -> None:
        self.register()
        await self.synchronise()
        self.one.node.register("eve", owner="o")
        await self.assertFailure(self.sync("eve", "eve", self.one), SynchronisationError)
        await self.works()


class NumberTests(CallerTestCase):
    async def test_channels_with_a_peer_are_bounded(self) -> None:
        self.patch(exchange_module, "MAX_CHANNELS", 4)
        self.register()
        await self.synchronise()
        node = self.one.node
        node.create_service("eve", owner="o")
        for number in range(3):
            node.open_channel("eve", f"p{number}", peer="two", owner="o")
        self.assertRaises(
            TooManyServicesError, node.open_channel, "eve", "p3", peer="two", owner="o"
        )
        await self.works()

    async def test_one_too_many_does_not_end_the_one_it_was_to_replace(self) -> None:
        self.patch(exchange_module, "MAX_CHANNELS", 1)
        self.register()
        await self.synchronise()
        node = self.one.node
        node.create_service("eve", owner="o")
        here = show(self.one.identity.fingerprint)
        channel = node.open_channel("eve", "carol", peer=here, owner="o")
        self.assertRaises(
            TooManyServicesError, node.open_channel, "eve", "carol", peer="two", owner="o"
        )
        self.assertIs(node.channel("eve", "carol", owner="o"), channel)
        self.assertTrue(channel.opening.wanted)

    async def test_link_that_is_full_keeps_its_channels(self) -> None:
        self.register()
        await self.synchronise()
        self.patch(self.one.link.session._channels, "open", _full)
        node = self.one.node
        node.create_service("eve", owner="o")
        channel = node.open_channel("eve", "carol", peer="two", owner="o")
        self.assertIn("no room", channel.describe().reason)
        self.retry()
        await self.works()


class SimultaneousTests(CallerTestCase):
    async def test_call_that_fails_ends_no_channel_that_was_to_be_kept_open(self) -> None:
        node = self.one.node
        node.create_service("alice", owner="o")
        channel = node.open_channel("alice", "bob", peer="two", owner="o")
        await self.assertFailure(self.sync("alice", "bob", self.two), SynchronisationError)
        self.two.node.register("bob", owner="o")
        self.two.node.configure("bob", "alice", owner="o")
        self.retry()
        await channel.when_ready()
        await self.works()

    async def test_call_that_finds_the_channel_open_keeps_it_open(self) -> None:
        self.register()
        await self.synchronise()
        await self.two.node.synchronise("bob", "alice", HOST, self.one.port, owner="o")
        self.one.node.remove("alice", owner="o")
        self.one.node.register("alice", owner="o")
        self.one.node.configure("alice", "bob", owner="o")
        await self.until(lambda: bool(self.two.node.is_synchronising("bob", owner="o")))
        await self.works()

    async def test_call_that_is_given_up_takes_nothing_from_another(self) -> None:
        self.register()
        patch = self.patch(Opening, "ask", lambda _: None)
        impatient, patient = (self.sync("alice", "bob", self.two) for _ in range(2))
        await self.until(lambda: bool(self.one.node.channels("alice", owner="o")))
        impatient.cancel()
        await self.assertFailure(impatient, SynchronisationError)
        patch.restore()
        (channel,) = self.one.node.channels("alice", owner="o")
        channel.opening.ask()
        await patient
        self.assertTrue(channel.opening.wanted)
        await self.works()

    async def test_call_starts_a_channel_that_was_stopped(self) -> None:
        self.register()
        await self.synchronise()
        self.one.node.channel("alice", "bob", owner="o").stop()
        await self.synchronise()
        await self.works()

    async def test_exit_during_sync_leaves_no_channel(self) -> None:
        self.register()
        synchronising = self.sync("alice", "bob", self.two)
        self.one.node.remove("alice", owner="o")
        await self.assertFailure(synchronising, SynchronisationError)
        self.assertEqual(self.one.node._exchange._channels, {})
        await self.until(lambda: not list(self.two.node._exchange.links))

    async def test_sync_with_another_partner_meanwhile_decides(self) -> None:
        three = Host("three")
        self.one.trust(self.two, three)
        three.trust(self.one)
        three.start()
        self.addCleanup(three.stop)
        for host in (self.two, three):
            host.node.register("carol", owner="o")
            host.node.configure("carol", "alice", owner="o")
        self.one.node.register("alice", owner="o")
        first = self.sync("alice", "bob", self.two)
        await self.sync("alice", "carol", three)
        await self.assertFailure(first, SynchronisationError)
        (channel,) = self.one.node.channels("alice", owner="o")
        self.assertEqual((channel.partner, channel.peer), ("carol", three.identity.fingerprint))
        self.assertTrue(channel.live)


def _full(*_: object) -> None:
    raise ParameterError("full")
