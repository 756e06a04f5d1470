"""Channels that REST v2 opens: all modes, keys, events, and what outlives the process."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater

from dynamicrypt.errors import (
    KeyUsedError,
    NameTakenError,
    NoKeyYetError,
    ParameterError,
    PeerDownError,
    SynchronisationError,
    UnknownChannelError,
    UnknownKeyError,
    UnknownServiceError,
    WrongChannelError,
)
from dynamicrypt.keys.delivery import key_by_id
from dynamicrypt.node import exchange as exchange_module
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.persistence import Persistence
from dynamicrypt.node.registry import SavedChannel, SavedService, ServicesFile
from dynamicrypt.peer.errors import NoSuchPeerError, StateFileError
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.peers import Address, KnownPeers, Peer
from dynamicrypt.peer.statedir import StateDirectory
from tests.node.test_exchange import HOST, ExchangeTestCase, Host, reactor


class ChannelTestCase(ExchangeTestCase):
    def setUp(self) -> None:
        super().setUp()
        for host, other in ((self.one, self.two), (self.two, self.one)):
            host.known = KnownPeers(
                (
                    Peer(
                        name=other.name,
                        fingerprint=other.identity.fingerprint,
                        address=Address(HOST, other.port),
                    ),
                )
            )

    def open(self, host: Host, name: str, partner: str) -> LinkChannel:
        """A service with a channel to the other host."""
        (peer,) = host.known
        host.node.create_service(name, owner="o")
        return cast("LinkChannel", host.node.open_channel(name, partner, peer=peer.name, owner="o"))

    async def pair(self) -> tuple[LinkChannel, LinkChannel]:
        """Both ends of a channel with keys for either side."""
        alice, bob = self.open(self.one, "alice", "bob"), self.open(self.two, "bob", "alice")
        await alice.when_ready(8)
        await bob.when_ready(8)
        return alice, bob


class MessageTests(ChannelTestCase):
    async def test_all_modes_cross_both_ways(self) -> None:
        alice, bob = await self.pair()
        for sender, receiver in ((alice, bob), (bob, alice)):
            for mode, limit in ((1, 0), (2, 0), (3, 2)):
                (sealed,) = sender.seal(b"text", mode, b"context", limit=limit)
                self.assertEqual(receiver.open(sealed, b"context"), b"text")
                self.assertRaises(KeyUsedError, receiver.open, sealed, b"context")
            *most, last = sender.seal(b"split", 4, pieces=4)
            self.assertEqual([receiver.open(piece) for piece in most], [None] * 3)
            self.assertEqual(receiver.open(last), b"split")

    async def test_own_message_is_refused(self) -> None:
        alice, _ = await self.pair()
        (sealed,) = alice.seal(b"text", 1)
        self.assertRaises(WrongChannelError, alice.open, sealed)

    async def test_stream_crosses(self) -> None:
        alice, bob = await self.pair()
        body = bytes(range(256)) * 1000
        sealer, opener = alice.stream_sealer(b"file"), bob.stream_opener(b"file")
        sealed = sealer.header + sealer.update(body) + sealer.finish()
        now = reactor.seconds()
        self.assertEqual(opener.update(sealed, now) + opener.finish(now), body)

    async def test_key_is_delivered_once_on_each_side(self) -> None:
        alice, bob = await self.pair()
        key_id, key = alice.take_key()
        # docs/envelope.md names the purpose: another implementation comes to the same key.
        self.assertEqual(key_by_id(bob.store, key_id.bytes, 32, b"rest", reactor.seconds()), key)
        key_id, key = alice.take_key()
        self.assertEqual(bob.fetch_key(key_id), key)
        self.assertEqual(len(key), 32)
        self.assertRaises(KeyUsedError, bob.fetch_key, key_id)
        self.assertRaises(UnknownKeyError, alice.fetch_key, key_id)


class WaitTests(ChannelTestCase):
    async def test_waits_for_so_many_keys(self) -> None:
        alice = self.open(self.one, "alice", "bob")
        waiting = alice.when_ready(3)
        self.assertFalse(waiting.called)
        self.open(self.two, "bob", "alice")
        await waiting
        self.assertGreaterEqual(alice.store.levels.free, 3)

    async def test_wait_can_be_given_up(self) -> None:
        alice = self.open(self.one, "alice", "bob")
        waiting = alice.when_ready()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(alice.supply._starving, [])

    async def test_no_store_ever_has_so_many(self) -> None:
        alice = self.open(self.one, "alice", "bob")
        for count in (0, 65):
            self.assertRaises(ParameterError, alice.when_ready, count)

    async def test_closing_ends_the_wait(self) -> None:
        alice = self.open(self.one, "alice", "bob")
        waiting = alice.when_ready()
        self.one.node.close_channel("alice", "bob", owner="o")
        self.failureResultOf(waiting, SynchronisationError)


class LifeTests(ChannelTestCase):
    async def test_describes_itself(self) -> None:
        alice = self.open(self.one, "alice", "bob")
        status = alice.describe()
        self.assertEqual(status.state, "down")
        self.assertEqual(status.reason, "there was no link to the peer yet; the peer is dialled")
        self.open(self.two, "bob", "alice")
        await alice.when_ready()
        status = alice.describe()
        self.assertIn(status.state, ("up", "resting"))
        self.assertEqual(status.reason, "")
        self.assertEqual(status.profile, "fast")
        self.assertEqual(len(status.machines), alice.profile.exchange.machines)
        self.assertGreater(status.rounds, 0)

    async def test_stopped_channel_keeps_its_keys_and_goes_on_when_started(self) -> None:
        alice, bob = await self.pair()
        alice.stop()
        await self.until(lambda: not bob.live)
        self.assertEqual(alice.describe().state, "stopped")
        (sealed,) = alice.seal(b"text", 2)
        self.assertEqual(bob.open(sealed), b"text")
        await deferLater(reactor, 0.05)
        self.assertFalse(alice.live)
        alice.start()
        await self.until(lambda: alice.live and bob.live)

    async def test_closed_channel_is_unknown(self) -> None:
        alice, bob = await self.pair()
        self.one.node.close_channel("alice", "bob", owner="o")
        with self.assertRaises(UnknownChannelError):
            self.one.node.channel("alice", "bob", owner="o")
        await self.until(lambda: not bob.live)
        self.assertRaises(NoKeyYetError, bob.seal, b"m", 1)
        self.assertEqual(alice.store.levels.free, 0)

    async def test_opening_twice_is_one_channel(self) -> None:
        alice = self.open(self.one, "alice", "bob")
        again = self.one.node.open_channel(
            "alice", "bob", peer=show(self.two.identity.fingerprint), owner="o"
        )
        self.assertIs(again, alice)
        self.assertEqual(self.one.node.channels("alice", owner="o"), [alice])

    async def test_tells_what_happens(self) -> None:
        alice, _ = await self.pair()
        while alice.store.levels.free:
            alice.take_key()
        alice.stop()
        await self.until(lambda: not alice.live)
        kinds = [event.kind.value for event in self.one.node.events.since(0)]
        for kind in ("peer-up", "channel-up", "key-ready", "key-low", "channel-down"):
            self.assertIn(kind, kinds)

    async def test_status_names_the_peers(self) -> None:
        await self.pair()
        (peer,) = self.one.node.status().peers
        self.assertEqual((peer.name, peer.up, peer.group), ("two", True, "X25519MLKEM768"))
        self.assertEqual(peer.channels, 1)


class DownTests(ChannelTestCase):
    """What a channel says of itself, and to who wants a key, while it is not up."""

    def down_events(self) -> list[dict[str, Any]]:
        events = self.one.node.events.since(0)
        return [dict(event.data) for event in events if event.kind.value.endswith("-down")]

    async def test_lost_link(self) -> None:
        alice, _ = await self.pair()
        await self.two.listening.stopListening()
        self.two.link.transport.abortConnection()
        await self.until(lambda: not alice.live)
        status = alice.describe()
        self.assertEqual(status.state, "down")
        self.assertRegex(status.reason, r"\Athe link was lost \(.+\); the peer is dialled\Z")
        channel_down, peer_down = self.down_events()
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
        self.assertEqual(status.reason, "the link was lost (the node stopped); the peer is dialled")
        self.assertEqual(status.levels.free, 0)
        channel_down, peer_down = self.down_events()
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
        error = self.assertRaises(NoKeyYetError, alice.seal, b"m", 1)
        self.assertNotIsInstance(error, PeerDownError)
        self.assertIn("the partner has left", str(error))
        self.assertEqual(self.down_events()[0]["reason"], "the partner has left")

    async def test_link_that_is_lost_after_the_partner_has_left(self) -> None:
        alice, _ = await self.pair()
        self.open(self.two, "carol", "carol")
        self.two.node.close_channel("bob", "alice", owner="o")
        await self.until(lambda: not alice.live)
        await self.two.listening.stopListening()
        self.two.link.transport.abortConnection()
        await self.until(lambda: not list(self.one.node._exchange.links))
        self.assertEqual(alice.describe().state, "down")
        self.assertIn("the link was lost", alice.describe().reason)
        self.two.listening = reactor.listenTCP(
            self.two.port, self.two.node.link_listener(), interface=HOST
        )
        await self.until(lambda: "unknown" in alice.describe().reason)
        self.assertEqual(alice.describe().state, "opening")

    async def test_partner_that_has_stopped_its_machines(self) -> None:
        alice, bob = await self.pair()
        bob.stop()
        await self.until(lambda: not alice.live)
        self.assertEqual(alice.describe().reason, "the partner has stopped its machines")
        self.assertEqual(bob.describe().reason, "the application has stopped it")
        self.assertGreater(alice.store.levels.free, 0)


class RefusalTests(ChannelTestCase):
    async def test_service_exists_for_its_owner_only(self) -> None:
        self.open(self.one, "alice", "bob")
        node = self.one.node
        for call in (
            lambda: node.open_channel("alice", "bob", peer="two", owner="p"),
            lambda: node.channel("alice", "bob", owner="p"),
            lambda: node.channels("alice", owner="p"),
            lambda: node.close_channel("alice", "bob", owner="p"),
            lambda: node.delete_service("alice", owner="p"),
        ):
            self.assertRaises(UnknownServiceError, call)
        self.assertEqual(node.service_names(owner="p"), [])
        self.assertEqual(node.service_names(owner="o"), ["alice"])
        self.assertEqual(node.owners(), {"alice": "o"})

    async def test_names_that_cannot_be(self) -> None:
        node = self.one.node
        node.create_service("alice", owner="o")
        self.assertRaises(NameTakenError, node.create_service, "alice", owner="p")
        for name in ("", "a\0b", "x" * 256, "\ud800"):
            self.assertRaises(ParameterError, node.create_service, name, owner="o")
            with self.assertRaises(ParameterError):
                node.open_channel("alice", name, peer="two", owner="o")

    async def test_unknown_peer(self) -> None:
        node = self.one.node
        node.create_service("alice", owner="o")
        for peer in ("three", show(bytes(32)), "Not A Peer", ""):
            with self.assertRaises(NoSuchPeerError):
                node.open_channel("alice", "bob", peer=peer, owner="o")

    async def test_channel_of_another_service_is_refused_until_it_is_there(self) -> None:
        alice = self.open(self.one, "alice", "bob")
        await self.until(lambda: "unknown" in alice.describe().reason)
        self.assertEqual(alice.describe().state, "opening")

    async def test_peer_is_dialled_where_it_is_known_to_be_now(self) -> None:
        for host in (self.one, self.two):
            (peer,) = host.known
            host.known = KnownPeers((replace(peer, address=Address(HOST, 1)),))
        alice = self.open(self.one, "alice", "bob")
        self.open(self.two, "bob", "alice")
        (peer,) = self.one.known
        self.one.known = KnownPeers((replace(peer, address=Address(HOST, self.two.port)),))
        self.one.node._exchange._tick()
        await alice.when_ready()

    async def test_peer_that_is_removed_is_cut_off(self) -> None:
        alice, _ = await self.pair()
        self.one.known = KnownPeers()
        await self.until(lambda: not alice.live)
        self.assertEqual(list(self.one.node._exchange.links), [])


class PersistenceTests(ChannelTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.saved = ServicesFile(StateDirectory(Path(self.mktemp()), create=True))
        node = cast("Any", self.one.node)
        node._persistence = Persistence(self.saved, node._services, node._exchange)

    async def restarted(self) -> None:
        """End the first node and start it with what it has saved."""
        await self.one.stop()
        self.one.start(saved=self.saved)

    async def test_services_and_channels_outlive_the_process_and_keys_do_not(self) -> None:
        alice, bob = await self.pair()
        (lost,) = bob.seal(b"lost", 2)
        self.assertEqual([service.name for service in self.saved.load()], ["alice"])
        await self.restarted()
        again = cast("LinkChannel", self.one.node.channel("alice", "bob", owner="o"))
        self.assertIsNot(again, alice)
        await again.when_ready()
        self.assertRaises(UnknownKeyError, again.open, lost)
        (sealed,) = again.seal(b"fresh", 2)
        self.assertEqual(bob.open(sealed), b"fresh")

    async def test_channels_of_two_services_of_one_node_outlive_the_process(self) -> None:
        own = show(self.one.identity.fingerprint)
        for name, partner in (("x", "y"), ("y", "x")):
            self.one.node.create_service(name, owner="o")
            self.one.node.open_channel(name, partner, peer=own, owner="o")
        await self.restarted()
        await self.one.node.channel("x", "y", owner="o").when_ready()

    async def test_deleted_service_is_not_saved(self) -> None:
        self.open(self.one, "alice", "bob")
        self.one.node.delete_service("alice", owner="o")
        self.assertEqual(self.saved.load(), [])

    async def test_channel_of_a_peer_that_is_known_no_more_waits_for_it(self) -> None:
        self.open(self.one, "alice", "bob")
        known, self.one.known = self.one.known, KnownPeers()
        await self.restarted()
        self.one.node.create_service("carol", owner="o")
        self.assertEqual([len(service.channels) for service in self.saved.load()], [1, 0])
        self.open(self.two, "bob", "alice")
        self.one.known = known
        self.one.node._exchange._tick()
        await self.one.node.channel("alice", "bob", owner="o").when_ready()

    async def test_file_that_cannot_be_restored_as_it_is_stops_the_start(self) -> None:
        peer = self.two.identity.fingerprint
        bank = SavedChannel(partner="bank", peer=peer)
        shop = SavedService(name="shop", owner="o", channels=(bank,))
        own = SavedChannel(partner="shop", peer=self.one.identity.fingerprint)
        self.patch(exchange_module, "MAX_CHANNELS", 3)
        many = tuple(SavedChannel(partner=f"b{number}", peer=peer) for number in range(4))
        await self.one.stop()
        for what, services, why in (
            ("a name twice", [shop, shop], "'shop': a service of this name"),
            ("no name", [replace(shop, name="")], "'': a service name is"),
            ("a partner twice", [replace(shop, channels=(bank, bank))], "two channels"),
            ("itself", [replace(shop, channels=(own,))], "its own partner"),
            (
                "a partner that no link can name",
                [replace(shop, channels=(replace(bank, partner="a\nb"),))],
                "'shop': ",
            ),
            ("channels without end", [replace(shop, channels=many)], "3 channels with this peer"),
        ):
            with self.subTest(what):
                self.saved.save(services)
                before = self.saved.path.read_bytes()
                with self.assertRaises(StateFileError) as caught:
                    self.one.start(saved=self.saved)
                self.assertIn(
                    f"{self.saved.path}: service {services[-1].name!r}: ", str(caught.exception)
                )
                self.assertIn(why, str(caught.exception))
                self.assertEqual(self.saved.path.read_bytes(), before)
        self.saved.save([shop])
        self.one.start(saved=self.saved)
