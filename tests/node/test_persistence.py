"""Services and channels of REST v2 outlive the process; keys do not."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest import mock

from twisted.logger import capturedLogs

from dynamicrypt.errors import ParameterError, UnknownKeyError
from dynamicrypt.node import exchange as exchange_module
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.persistence import Persistence
from dynamicrypt.node.registry import SavedChannel, SavedService, ServicesFile
from dynamicrypt.peer.errors import StateFileError, StorageError
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.peers import KnownPeers
from dynamicrypt.peer.statedir import StateDirectory
from tests.logs import lines_of
from tests.node.hosts import ChannelTestCase


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
        self.one.node.remove("alice", owner="o")
        self.assertEqual(self.saved.load(), [])

    async def test_what_cannot_be_saved_is_not_done_until_it_can(self) -> None:
        node = self.one.node
        alice, _ = await self.pair()
        known = show(self.two.identity.fingerprint)
        changes: list[tuple[str, Callable[[], object]]] = [
            ("a service", lambda: node.create_service("carol", owner="o")),
            ("a channel", lambda: node.open_channel("alice", "dave", peer=known, owner="o")),
            (
                "a channel elsewhere",
                lambda: node.open_channel(
                    "alice", "bob", peer=show(self.one.identity.fingerprint), owner="o"
                ),
            ),
            ("a channel's end", lambda: node.close_channel("alice", "bob", owner="o")),
            ("a service's end", lambda: node.remove("alice", owner="o")),
        ]
        before, names = self.saved.load(), os.listdir(self.saved.path.parent)
        for what, change in changes:
            with self.subTest(what), capturedLogs() as events:
                with mock.patch.object(os, "fsync", side_effect=OSError(28, "No space left")):
                    self.assertRaises(StorageError, change)
                self.assertEqual(node.service_names(owner="o"), ["alice"])
                self.assertEqual(node.channels("alice", owner="o"), [alice])
                self.assertTrue(alice.live and alice.store.own.free)
                self.assertEqual(self.saved.load(), before)
                self.assertEqual(os.listdir(self.saved.path.parent), names)
                (line,) = lines_of(events, "dynamicrypt.node.persistence")
                self.assertIn("no space left", line)
        for _, change in (changes[0], changes[1], changes[3]):
            change()
        (first, second) = self.saved.load()
        self.assertEqual([first.name, second.name], ["alice", "carol"])
        self.assertEqual([channel.partner for channel in first.channels], ["dave"])

    async def test_what_is_saved_already_needs_no_disk(self) -> None:
        self.open(self.one, "alice", "bob")
        (peer,) = self.one.known
        with mock.patch.object(os, "fsync", side_effect=OSError(28, "No space left")):
            self.one.node.open_channel("alice", "bob", peer=peer.name, owner="o")
            self.one.node.register("v1", owner="o")
            self.one.node.remove("v1", owner="o")

    async def test_channel_that_could_not_be_opened_is_not_saved(self) -> None:
        self.open(self.one, "alice", "bob")
        before = self.saved.load()
        own = show(self.one.identity.fingerprint)
        with self.assertRaises(ParameterError):
            self.one.node.open_channel("alice", "alice", peer=own, owner="o")
        self.assertEqual(self.saved.load(), before)

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
