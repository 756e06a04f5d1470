"""What is shared with a peer ends when the peer is removed from the known ones."""

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import (
    NoKeyYetError,
    PeerDownError,
    PeerRemovedError,
    ProtocolStateError,
    SynchronisationError,
    UnknownKeyError,
)
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.events import EventLog
from dynamicrypt.node.registry import SavedChannel, SavedService, ServicesFile
from dynamicrypt.peer.identity import generate
from dynamicrypt.peer.peers import Address, KnownPeers, Peer
from dynamicrypt.peer.statedir import StateDirectory
from dynamicrypt.rest.desk.patience import Patience
from tests.keys.memory import secrets_in
from tests.node.hosts import HOST, ChannelTestCase, ExchangeTestCase, Host
from tests.rest.keys import KeyMaker, make_channel, other_end


class ErasureTests(SynchronousTestCase):
    """Of one channel, whose keys were put there by hand."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.channel = make_channel(
            "shop", "bank", owner="o", events=EventLog(), seconds=self.clock.seconds
        )
        self.partner = other_end(self.channel, self.clock.seconds)
        maker = KeyMaker()
        maker.give(self.partner, self.channel, 6)
        maker.give(self.channel, self.partner, 6)

    def assertEmpty(self) -> None:
        self.assertEqual(secrets_in(self.channel.store.cells), b"")

    def test_keys_of_both_halves_and_held_pieces_go(self) -> None:
        self.channel.open(self.partner.seal(b"m", 4)[0])
        (late,) = self.partner.seal(b"m", 2)
        self.channel.seal(b"m", 1)
        self.channel.peer_removed()
        self.assertEmpty()
        self.assertEqual(len(self.channel._gatherer), 0)
        self.assertRaises(NoKeyYetError, self.channel.seal, b"m", 1)
        self.assertRaises(UnknownKeyError, self.channel.open, late)

    def test_streams_that_are_under_way_end(self) -> None:
        theirs = self.partner.stream_sealer()
        body = theirs.header + theirs.update(bytes(200_000)) + theirs.finish()
        sealer, opener = self.channel.stream_sealer(), self.channel.stream_opener()
        sealer.update(bytes(200_000))
        opener.update(body[:150_000], self.clock.seconds())
        self.channel.peer_removed()
        self.assertEmpty()
        self.assertRaises(ProtocolStateError, sealer.update, bytes(200_000))
        self.assertRaises(ProtocolStateError, opener.update, body[150_000:], self.clock.seconds())

    def test_streams_that_are_over_are_not_kept(self) -> None:
        sealer = self.channel.stream_sealer()
        sealer.finish()
        del sealer
        self.assertEqual(len(self.channel._streams), 0)

    def test_who_waits_is_answered(self) -> None:
        key: Deferred[None] = self.channel.when_ready(20)
        live = self.channel.when_live()
        self.channel.peer_removed()
        self.failureResultOf(key, PeerRemovedError)
        self.failureResultOf(live, SynchronisationError)

    def test_who_would_wait_longer_does_not(self) -> None:
        patience = Patience(self.clock, 30.0)
        waiting = Deferred.fromCoroutine(patience.has_keys(self.channel, 20))
        self.channel.peer_removed()
        self.clock.advance(0.0)
        self.assertFalse(self.successResultOf(waiting))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_partner_is_to_learn_that_the_keys_are_gone(self) -> None:
        self.channel.ledger.mark = b"before"
        self.channel.peer_removed()
        self.assertEqual(self.channel.ledger.mark, b"")


class RemovedTests(ChannelTestCase):
    """Two nodes; the first one's peers change."""

    def levels(self, channel: LinkChannel) -> tuple[int, int, int, int]:
        levels = channel.store.levels
        return levels.free, levels.offered, levels.in_use, levels.held

    async def removed(self, channel: LinkChannel) -> None:
        """The channel's end, once the node has seen that the peer is removed."""
        await self.until(lambda: self.levels(channel) == (0, 0, 0, 0))

    async def test_a_running_channel_ends_and_goes_on_when_the_peer_is_added_again(self) -> None:
        alice, bob = await self.pair()
        (before,) = bob.seal(b"before", 2)
        known, self.one.known = self.one.known, KnownPeers()
        await self.removed(alice)
        status = alice.describe()
        self.assertEqual(status.state, "down")
        self.assertEqual(status.reason, "the link ended: unpaired; the peer is known no more")
        (down,) = [
            event
            for event in self.one.node.events.since(0)
            if event.kind.value == "channel-down" and event.data["reason"] == "unpaired"
        ]
        self.assertEqual(down.data["partner"], "bob")
        for needy in (lambda: alice.seal(b"m", 1), alice.stream_sealer, alice.take_key):
            self.assertRaises(PeerRemovedError, needy)
        self.assertIs(alice.trouble, PeerRemovedError)
        self.assertRaises(UnknownKeyError, alice.open, before)
        (after,) = bob.seal(b"after", 2)
        self.assertRaises(UnknownKeyError, alice.open, after)
        self.assertFalse(self.one.node._exchange.links._dialling.calls(alice.peer))
        # The partner's node has not removed anybody.
        await self.until(lambda: not bob.live)
        self.assertIn("the link ended: unpaired; the peer is dialled", bob.describe().reason)
        self.assertNotIn("known no more", bob.opening.absence.words)
        self.one.known = known
        await alice.when_ready(4)
        # What the partner made before is of no use, and it has been told.
        await bob.when_ready(4)
        (again,) = bob.seal(b"again", 2)
        self.assertEqual(alice.open(again), b"again")
        self.assertEqual(bob.open(alice.seal(b"back", 2)[0]), b"back")
        self.assertEqual(alice.describe().reason, "")

    async def test_a_channel_without_a_link_ends_too(self) -> None:
        alice, _ = await self.pair()
        self.two.node._exchange.links.connections.stop()
        await self.until(lambda: not alice.live)
        self.assertNotEqual(self.levels(alice), (0, 0, 0, 0))
        self.one.known = KnownPeers()
        await self.removed(alice)
        self.assertRaises(PeerRemovedError, alice.seal, b"m", 1)

    async def test_another_identity_under_the_name_is_another_peer(self) -> None:
        alice, _ = await self.pair()
        other = generate().fingerprint
        self.one.known = KnownPeers(
            (Peer(name="two", fingerprint=other, address=Address(HOST, self.two.port)),)
        )
        await self.removed(alice)
        self.assertRaises(PeerRemovedError, alice.seal, b"m", 1)
        anew = self.one.node.open_channel("alice", "bob", peer="two", owner="o")
        self.assertIsNot(anew, alice)
        self.assertRaises(PeerDownError, anew.seal, b"m", 1)

    async def test_a_channel_that_was_stopped_says_so_once_the_peer_is_back(self) -> None:
        alice, _ = await self.pair()
        alice.stop()
        known, self.one.known = self.one.known, KnownPeers()
        await self.removed(alice)
        self.assertEqual(alice.describe().state, "down")
        self.one.known = known
        self.assertEqual(alice.describe().state, "stopped")

    async def test_a_channel_with_a_service_of_this_node_stays(self) -> None:
        mark = self.one.identity.fingerprint
        for name in ("carol", "dave"):
            self.one.node.create_service(name, owner="o")
        ends = [
            self.one.node._exchange.open(self.one.node._services.find(name), partner, mark)
            for name, partner in (("carol", "dave"), ("dave", "carol"))
        ]
        await ends[0].when_ready(2)
        self.one.known = KnownPeers()
        self.one.node._exchange._tick()
        self.assertTrue(ends[0].seal(b"m", 2))


class FirstInterfaceTests(ExchangeTestCase):
    """Services of REST v1, which name no peer: an address, or nothing but the partner."""

    async def test_caller_and_called_go_on_with_the_peer_that_was_added_again(self) -> None:
        self.register()
        await self.synchronise()
        await self.sealed(self.one, "alice", "m")
        before = await self.sealed(self.two, "bob", "before")
        known, self.one.known = self.one.known, KnownPeers()
        await self.until(self.refused)
        self.assertRaises(UnknownKeyError, self.opened, self.one, "alice", before)
        self.one.known = known
        fresh = await self.sealed(self.one, "alice", "fresh")
        self.assertEqual(self.opened(self.two, "bob", fresh), "fresh")

    def refused(self) -> bool:
        try:
            self.one.node.encrypt("alice", "m", 1, owner="o")
        except NoKeyYetError:
            return True
        return False


class SavedTests(ExchangeTestCase):
    async def test_a_saved_channel_with_a_removed_peer_survives_a_restart(self) -> None:
        directory = StateDirectory(Path(self.mktemp()), create=True)
        file = ServicesFile(directory)
        two = self.two.identity.fingerprint
        channel = SavedChannel(partner="bob", peer=two)
        saved = [SavedService(name="alice", owner="o", channels=(channel,))]
        file.save(saved)
        host = Host("three")
        host.start(saved=file)
        self.addCleanup(host.stop)
        alice = host.node.channel("alice", "bob", owner="o")
        self.assertEqual(
            alice.describe().reason,
            "there was no link to the peer yet; the peer is known no more",
        )
        self.assertRaises(PeerRemovedError, alice.seal, b"m", 1)
        host.node.create_service("carol", owner="o")
        self.assertEqual(file.load()[0], saved[0])
