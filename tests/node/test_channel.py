"""Channels that REST v2 opens: all modes, keys, events, and what is refused."""

from dataclasses import replace

from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater

from dynamicrypt.errors import (
    KeyUsedError,
    NameTakenError,
    NoKeyYetError,
    ParameterError,
    UnknownChannelError,
    UnknownKeyError,
    UnknownServiceError,
    WrongChannelError,
)
from dynamicrypt.keys.delivery import key_by_id
from dynamicrypt.node.endings import NOT_OPENED
from dynamicrypt.peer.errors import NoSuchPeerError
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.peers import Address, KnownPeers
from tests.node.hosts import HOST, ChannelTestCase, reactor


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
        self.failureResultOf(waiting, UnknownChannelError)


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


class RefusalTests(ChannelTestCase):
    async def test_service_exists_for_its_owner_only(self) -> None:
        self.open(self.one, "alice", "bob")
        node = self.one.node
        for call in (
            lambda: node.open_channel("alice", "bob", peer="two", owner="p"),
            lambda: node.channel("alice", "bob", owner="p"),
            lambda: node.channels("alice", owner="p"),
            lambda: node.close_channel("alice", "bob", owner="p"),
            lambda: node.remove("alice", owner="p"),
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
        await self.until(lambda: alice.opening.absence is NOT_OPENED)
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
