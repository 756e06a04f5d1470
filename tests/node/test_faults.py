"""Networks and partners that fail, between two nodes: each fault ends, and keys flow again."""

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint

from dynamicrypt.node import exchange, links, rivals
from dynamicrypt.session.link_alive import LinkTimes
from tests.node.hosts import HOST, ExchangeTestCase, reactor
from tests.relay import Relay


class FaultTestCase(ExchangeTestCase):
    """Hosts whose links notice silence soon, with a bad network between them."""

    def setUp(self) -> None:
        self.patch(exchange, "LinkTimes", partial(LinkTimes, idle=0.2, dead=0.8))
        self.patch(links, "TICK", 0.05)
        self.patch(rivals, "STALE", 0.5)
        super().setUp()
        self.relay = Relay(reactor, TCP4ClientEndpoint(reactor, HOST, self.two.port))
        self.addCleanup(lambda: Deferred.fromCoroutine(self.relay.stop()))

    async def meet(self) -> None:
        """The first channel, through the relay."""
        self.register()
        await self.relay.start()
        await self.one.node.synchronise("alice", "bob", HOST, self.relay.number, owner="o")

    async def heals(self) -> None:
        """A message under a key of its own crosses each way."""
        for host, name, other, partner in (
            (self.one, "alice", self.two, "bob"),
            (self.two, "bob", self.one, "alice"),
        ):
            await self.until(lambda h=host, n=name: h.node.is_synchronising(n, owner="o"))  # type: ignore[misc]
            sealed = await self.sealed(host, name, "healed", 2)
            self.assertEqual(self.opened(other, partner, sealed, 2), "healed")

    def down(self, host: Any, name: str) -> bool:
        return not host.node.is_synchronising(name, owner="o")


class NetworkTests(FaultTestCase):
    async def test_a_half_open_link_is_noticed_by_both_and_replaced(self) -> None:
        await self.meet()
        late = await self.sealed(self.one, "alice", "late", 2)
        await self.one.node.channel("alice", "bob", owner="o").when_ready()
        self.relay.hold()
        await self.until(lambda: self.down(self.one, "alice") and self.down(self.two, "bob"))
        self.assertEqual(self.opened(self.two, "bob", late, 2), "late")
        await self.sealed(self.one, "alice", "keys that are ready stay usable", 2)
        self.relay.release()
        await self.heals()

    async def test_a_side_that_lost_its_end_is_believed(self) -> None:
        await self.meet()
        old = self.two.link
        self.one.link.transport.abortConnection()
        await self.until(lambda: self.down(self.one, "alice"))
        await self.heals()
        self.assertIsNot(self.two.link, old)

    async def test_a_network_that_comes_and_goes(self) -> None:
        await self.meet()
        for _ in range(5):
            self.relay.cut()
            await self.until(lambda: self.down(self.one, "alice"))
            self.relay.mend()
            await self.heals()
        self.assertEqual(len(list(self.one.node._exchange.links)), 1)


class PartnerTests(FaultTestCase):
    async def faulty(self, line: bytes) -> None:
        """A line that no honest partner sends ends the link, and spoils nothing."""
        await self.meet()
        late = await self.sealed(self.two, "bob", "late", 2)
        old = self.one.link
        self.two.link.transport.write(line)
        await self.until(lambda: old.session.state.name == "CLOSED")
        self.assertEqual(self.opened(self.one, "alice", late, 2), "late")
        await self.heals()

    async def test_a_package_of_another_round(self) -> None:
        await self.faulty(b"round\t0\t99999999\tAAAA\t\n")

    async def test_a_confirmation_of_a_key_that_was_not_made(self) -> None:
        await self.faulty(b"confirm\t0\t9999998\tAAAAAAAAAAAAAAAAAAAAAA==\n")

    async def test_a_line_of_noise(self) -> None:
        await self.faulty(bytes(range(128, 256)) + b"\n")

    async def test_a_line_without_end(self) -> None:
        await self.faulty(b"round\t0\t1\t" + b"A" * 100_000)

    async def test_a_flood_of_questions(self) -> None:
        await self.faulty(b"pong\t7\n" + b"ping\t7\n" * 100_000)

    async def test_a_fault_of_ours_ends_the_link_and_it_is_dialled_again(self) -> None:
        await self.meet()
        old = self.one.link
        self.patch(old.session._dialogue, "take", lambda *_: 1 // 0)
        await self.until(lambda: old.session.state.name == "CLOSED")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        await self.heals()

    async def test_one_that_stalls_is_given_up(self) -> None:
        await self.meet()
        old = self.one.link
        # It takes everything and answers nothing: what it would send stays in its buffer.
        self.patch(self.two.link.transport, "write", lambda data: None)
        await self.until(lambda: old.session.state.name == "CLOSED")
        await self.heals()
