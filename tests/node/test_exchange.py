"""Two nodes: messages, the life of links and channels, and what is refused."""

from twisted.internet.defer import Deferred, gatherResults

from dynamicrypt.errors import (
    BadCiphertextError,
    KeyUsedError,
    NoKeyYetError,
    SynchronisationError,
    UnknownKeyError,
)
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.service import SealedMessage
from dynamicrypt.peer.peers import KnownPeers
from tests.node.hosts import HOST, ExchangeTestCase, Host, reactor


class MessageTests(ExchangeTestCase):
    async def test_messages_of_both_modes_cross_both_ways(self) -> None:
        self.register()
        await self.synchronise()
        for mode in (1, 2):
            for text in ("", "hello", "grüße ✓"):
                sealed = await self.sealed(self.one, "alice", text, mode)
                self.assertEqual(self.opened(self.two, "bob", sealed, mode), text)
                sealed = await self.sealed(self.two, "bob", text, mode)
                self.assertEqual(self.opened(self.one, "alice", sealed, mode), text)

    async def test_replayed_message_is_refused(self) -> None:
        self.register()
        await self.synchronise()
        for mode in (1, 2):
            sealed = await self.sealed(self.one, "alice", "once", mode)
            self.opened(self.two, "bob", sealed, mode)
            self.assertRaises(KeyUsedError, self.opened, self.two, "bob", sealed, mode)

    async def test_changed_message_is_refused_and_spoils_nothing(self) -> None:
        self.register()
        await self.synchronise()
        sealed = await self.sealed(self.one, "alice", "true", 2)
        forged = SealedMessage(message=sealed.message, hash="0" * 64, key="")
        self.assertRaises(BadCiphertextError, self.opened, self.two, "bob", forged, 2)
        self.assertEqual(self.opened(self.two, "bob", sealed, 2), "true")

    async def test_every_profile_makes_keys(self) -> None:
        for host in (self.one, self.two):
            await host.stop()
            host.start("thesis")
        self.register()
        await self.synchronise()
        sealed = await self.sealed(self.one, "alice", "thesis numbers")
        self.assertEqual(self.opened(self.two, "bob", sealed), "thesis numbers")

    async def test_machines_rest_when_there_are_keys_enough(self) -> None:
        self.register()
        await self.synchronise()
        channel = self.one.node._services.owned("alice", "o").channel
        await self.until(lambda: channel.supply.resting)
        for _ in range(100):
            await self.sealed(self.one, "alice", "m", 2)
        self.assertGreater(channel.supply.made, 100)


class LifeTests(ExchangeTestCase):
    async def test_link_is_hybrid(self) -> None:
        self.register()
        await self.synchronise()
        self.assertEqual(self.one.link.group, "X25519MLKEM768")

    async def test_channels_share_one_link(self) -> None:
        for number in range(5):
            for host, name, partner in (
                (self.one, f"a{number}", f"b{number}"),
                (self.two, f"b{number}", f"a{number}"),
            ):
                host.node.register(name, owner="o")
                host.node.configure(name, partner, owner="o")
        await gatherResults(
            Deferred.fromCoroutine(
                self.one.node.synchronise(f"a{n}", f"b{n}", HOST, self.two.port, owner="o")
            )
            for n in range(5)
        )
        self.assertEqual(len(self.one.link.session.channels), 5)

    async def test_both_dial_at_once_and_keep_one_link(self) -> None:
        self.register()
        await gatherResults(
            [
                Deferred.fromCoroutine(self.synchronise()),
                Deferred.fromCoroutine(
                    self.two.node.synchronise("bob", "alice", HOST, self.one.port, owner="o")
                ),
            ]
        )
        sealed = await self.sealed(self.one, "alice", "both")
        self.assertEqual(self.opened(self.two, "bob", sealed), "both")
        self.assertEqual(self.one.link.fingerprint, self.two.identity.fingerprint)

    async def test_cut_link_heals_and_keys_stay(self) -> None:
        self.register()
        await self.synchronise()
        late = await self.sealed(self.one, "alice", "late", 2)
        self.two.link.transport.abortConnection()
        await self.until(lambda: not self.one.node.is_synchronising("alice", owner="o"))
        self.assertEqual(self.opened(self.two, "bob", late, 2), "late")
        await self.until(lambda: bool(self.one.node.is_synchronising("alice", owner="o")))
        fresh = await self.sealed(self.one, "alice", "again", 2)
        self.assertEqual(self.opened(self.two, "bob", fresh, 2), "again")

    async def test_keys_of_an_ended_process_are_unknown_on_both_sides(self) -> None:
        self.register()
        await self.synchronise()
        to_two = await self.sealed(self.one, "alice", "lost", 2)
        to_one = await self.sealed(self.two, "bob", "lost", 2)
        await self.two.stop()
        self.two.start()
        self.two.node.register("bob", owner="o")
        self.two.node.configure("bob", "alice", owner="o")
        await self.until(lambda: bool(self.two.node.is_synchronising("bob", owner="o")))
        self.assertRaises(UnknownKeyError, self.opened, self.two, "bob", to_two, 2)
        self.assertRaises(UnknownKeyError, self.opened, self.one, "alice", to_one, 2)
        fresh = await self.sealed(self.one, "alice", "again", 2)
        self.assertEqual(self.opened(self.two, "bob", fresh, 2), "again")

    async def test_partner_that_leaves_is_seen(self) -> None:
        self.register()
        await self.synchronise()
        self.two.node.remove("bob", owner="o")
        await self.until(lambda: not self.one.node.is_synchronising("alice", owner="o"))
        self.assertRaises(NoKeyYetError, self.one.node.encrypt, "alice", "m", 1, owner="o")

    async def test_keys_of_a_service_that_left_during_a_cut_are_not_used(self) -> None:
        self.register()
        await self.synchronise()
        channel = self.two.node._services.owned("bob", "o").channel
        await self.until(lambda: channel.supply.resting)
        await self.two.listening.stopListening()
        self.one.link.transport.abortConnection()
        await self.until(lambda: not channel.live)
        self.one.node.remove("alice", owner="o")
        self.one.node.register("alice", owner="o")
        self.two.listening = reactor.listenTCP(
            self.two.port, self.two.node.link_listener(), interface=HOST
        )
        await self.synchronise()
        for _ in range(80):
            sealed = await self.sealed(self.two, "bob", "fresh", 2)
            self.assertEqual(self.opened(self.one, "alice", sealed, 2), "fresh")

    async def test_channel_that_could_not_take_an_event_is_opened_anew(self) -> None:
        self.register()
        happened = LinkChannel.happened

        def fail_once(*_: object) -> None:
            LinkChannel.happened = happened  # type: ignore[method-assign]  # a fault of ours
            raise LookupError("a fault")

        self.patch(LinkChannel, "happened", fail_once)
        with self.assertRaises(SynchronisationError):
            await self.synchronise()
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
        await self.synchronise()
        sealed = await self.sealed(self.one, "alice", "mended")
        self.assertEqual(self.opened(self.two, "bob", sealed), "mended")

    async def test_service_that_leaves_ends_the_link(self) -> None:
        self.register()
        await self.synchronise()
        self.one.node.remove("alice", owner="o")
        await self.until(lambda: not list(self.two.node._exchange.links))


class RefusalTests(ExchangeTestCase):
    async def fails(self) -> None:
        with self.assertRaises(SynchronisationError):
            await self.synchronise()
        self.assertFalse(self.one.node.is_synchronising("alice", owner="o"))
        self.assertEqual(self.one.node._exchange.links._dialling._targets, [])

    async def test_stranger_is_refused(self) -> None:
        self.register()
        self.two.known = KnownPeers()
        await self.fails()

    async def test_stranger_is_not_talked_to(self) -> None:
        self.register()
        self.one.known = KnownPeers()
        await self.fails()

    async def test_partner_that_expects_someone_else(self) -> None:
        self.register()
        self.two.node.configure("bob", "carol", owner="o")
        await self.fails()

    async def test_service_of_wire_1_is_unknown_on_wire_2(self) -> None:
        self.one.node.register("alice", owner="o")
        self.two.node.register("bob", owner="o", wire=1)
        self.two.node.configure("bob", "alice", owner="o")
        await self.fails()

    async def test_other_profile_is_refused(self) -> None:
        await self.two.stop()
        self.two.start("thesis")
        self.register()
        await self.fails()

    async def test_node_where_the_partner_was_met_is_pinned(self) -> None:
        self.register()
        await self.synchronise()
        mallory = Host("mallory")
        mallory.trust(self.two)
        self.two.trust(self.one, mallory)
        mallory.start()
        self.addCleanup(mallory.stop)
        mallory.node.register("alice", owner="o")
        with self.assertRaises(SynchronisationError):
            await mallory.node.synchronise("alice", "bob", HOST, self.two.port, owner="o")
        self.assertTrue(self.one.node.is_synchronising("alice", owner="o"))
