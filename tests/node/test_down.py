"""What a channel says of itself, and to who wants a key, while it is not up."""

from typing import Any

from dynamicrypt.errors import (
    ChannelStoppedError,
    NotOpenedError,
    PeerDownError,
    ProfilesDifferError,
    UnknownKeyError,
)
from dynamicrypt.session.link_events import ChannelRefused
from tests.node.hosts import HOST, ChannelTestCase, reactor


class DownTests(ChannelTestCase):
    def down_events(self) -> list[dict[str, Any]]:
        """What was told of; two links that were dialled at once may have been told of first."""
        events = self.one.node.events.since(0)
        return [dict(event.data) for event in events if event.kind.value.endswith("-down")]

    async def test_lost_link(self) -> None:
        alice, _ = await self.pair()
        await self.two.listening.stopListening()
        self.two.link.transport.abortConnection()
        await self.until(lambda: not alice.live)
        status = alice.describe()
        self.assertEqual(status.state, "down")
        self.assertRegex(status.reason, r"\Athe link ended: .+; the peer is dialled\Z")
        channel_down, peer_down = self.down_events()[-2:]
        self.assertEqual((channel_down["service"], channel_down["partner"]), ("alice", "bob"))
        self.assertEqual(peer_down["peer"], "two")
        self.assertIn(peer_down["reason"], status.reason)
        self.assertTrue(alice.seal(b"keys that are ready stay usable", 2))
        self.two.listening = reactor.listenTCP(
            self.two.port, self.two.node.link_listener(), interface=HOST
        )
        await self.until(lambda: alice.live)
        self.assertEqual(alice.describe().reason, "")

    async def test_partner_node_that_stops(self) -> None:
        alice, bob = await self.pair()
        (late,) = bob.seal(b"late", 2)
        self.two.node.stopService()
        await self.until(lambda: not list(self.one.node._exchange.links))
        status = alice.describe()
        self.assertEqual(status.state, "down")
        self.assertEqual(status.reason, "the link ended: the node stopped; the peer is dialled")
        self.assertEqual(status.levels.free, 0)
        channel_down, peer_down = self.down_events()[-2:]
        self.assertEqual(channel_down["reason"], "the partner's node was stopped")
        self.assertEqual(peer_down["reason"], "the node stopped")
        for needy in (
            lambda: alice.seal(b"m", 1),
            lambda: alice.seal(b"m", 4),
            alice.stream_sealer,
            alice.take_key,
        ):
            error = self.assertRaises(PeerDownError, needy)
            self.assertIn("the node stopped", str(error))
        (item,) = alice.seal_batch([(b"m", b"")], 1)
        self.assertIsInstance(item, PeerDownError)
        self.assertEqual(alice.open(late), b"late")

    async def test_partner_node_that_stops_and_comes_back(self) -> None:
        alice, bob = await self.pair()
        (lost,) = bob.seal(b"lost", 2)
        await self.two.stop()
        await self.until(lambda: not alice.live)
        waiting = alice.when_ready()
        self.two.start()
        again = self.open(self.two, "bob", "alice")
        await waiting
        (sealed,) = alice.seal(b"fresh", 2)
        self.assertEqual(again.open(sealed), b"fresh")
        self.assertRaises(UnknownKeyError, alice.open, lost)

    async def test_partner_that_leaves(self) -> None:
        alice, _ = await self.pair()
        self.open(self.two, "carol", "carol")
        self.two.node.close_channel("bob", "alice", owner="o")
        await self.until(lambda: not alice.live)
        status = alice.describe()
        self.assertEqual((status.state, status.reason), ("opening", "the partner has left"))
        error = self.assertRaises(NotOpenedError, alice.seal, b"m", 1)
        self.assertIn("the partner has left", str(error))
        self.assertEqual(self.down_events()[-1]["reason"], "the partner has left")

    async def test_link_that_is_lost_after_the_partner_has_left(self) -> None:
        alice, _ = await self.pair()
        self.open(self.two, "carol", "carol")
        self.two.node.close_channel("bob", "alice", owner="o")
        await self.until(lambda: not alice.live)
        await self.two.listening.stopListening()
        self.two.link.transport.abortConnection()
        await self.until(lambda: not list(self.one.node._exchange.links))
        self.assertEqual(alice.describe().state, "down")
        self.assertIn("the link ended", alice.describe().reason)
        self.two.listening = reactor.listenTCP(
            self.two.port, self.two.node.link_listener(), interface=HOST
        )
        await self.until(lambda: alice.describe().reason == "the partner has not opened it")
        self.assertEqual(alice.describe().state, "opening")
        self.assertRaises(NotOpenedError, alice.seal, b"m", 1)

    async def test_partner_that_has_stopped_its_machines(self) -> None:
        alice, bob = await self.pair()
        bob.stop()
        await self.until(lambda: not alice.live)
        self.assertEqual(alice.describe().reason, "the partner has stopped its machines")
        self.assertEqual(bob.describe().reason, "the application has stopped it")
        self.assertGreater(alice.store.levels.free, 0)
        for end in (alice, bob):
            while end.store.levels.free:
                end.take_key()
            self.assertRaises(ChannelStoppedError, end.take_key)
        self.two.node._exchange._carrier(bob.peer).open = lambda *_: None
        bob.start()
        self.assertEqual(bob.describe().state, "opening")
        self.assertEqual(bob.describe().reason, "the partner is asked")
        self.assertEqual(alice.describe().state, "opening")

    async def test_partner_with_another_profile(self) -> None:
        alice, _ = await self.pair()
        refused = ChannelRefused(channel=alice.name, reason="parameters", detail="L is 3 here")
        alice.opening.refused(refused)
        alice.opening.up = False
        while alice.store.levels.free:
            alice.take_key()
        error = self.assertRaises(ProfilesDifferError, alice.take_key)
        self.assertIn("different profiles; the partner says: L is 3 here", str(error))

    async def test_fault_of_one_node(self) -> None:
        alice, bob = await self.pair()
        for host in (self.one, self.two):
            host.link.open = lambda *_: None
        self.one.link.close_channel(alice.name, "fault")
        await self.until(lambda: not alice.live)
        self.assertEqual(
            alice.describe().reason, "a fault of this node ended it; the log tells more"
        )
        await self.until(lambda: not bob.live)
        self.assertEqual(bob.describe().reason, "a fault of the partner's node ended it")
