"""Replays of messages of every mode: at once, after a cut, and after either process ended."""

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.task import deferLater

from dynamicrypt.errors import DynamiCryptError, KeyUsedError, UnknownKeyError
from dynamicrypt.node.channel import LinkChannel
from tests.node.hosts import ChannelTestCase, Host, reactor

#: Opens again, and raises.
Replay = Callable[[LinkChannel], object]


class ReplayTests(ChannelTestCase):
    def exchange(self, sender: LinkChannel, receiver: LinkChannel) -> list[Replay]:
        """Send one of each kind, let the receiver open it, and return the replays."""
        replays: list[Replay] = []
        for mode, limit in ((1, 0), (2, 0), (3, 3), (3, 1), (4, 0)):
            for part in sender.seal(b"m", mode, limit=limit):
                self.spoil(receiver, part)
                receiver.open(part)
                replays.append(partial(LinkChannel.open, envelope=part))
        sealer = sender.stream_sealer()
        stream = sealer.header + sealer.update(b"body") + sealer.finish()

        def opened(channel: LinkChannel) -> bytes:
            opener = channel.stream_opener()
            now = reactor.seconds()
            return opener.update(stream, now) + opener.finish(now)

        self.assertEqual(opened(receiver), b"body")
        key_id, key = sender.take_key()
        self.assertEqual(receiver.fetch_key(key_id), key)
        return [*replays, opened, lambda channel: channel.fetch_key(key_id)]

    def spoil(self, receiver: LinkChannel, part: bytes) -> None:
        """A copy that was changed anywhere leaves nothing behind."""
        levels, cells = receiver.store.levels, len(receiver.store.cells)
        for at in range(len(part)):
            changed = part[:at] + bytes([part[at] ^ 1]) + part[at + 1 :]
            self.assertRaises(DynamiCryptError, receiver.open, changed)
        self.assertEqual((receiver.store.levels, len(receiver.store.cells)), (levels, cells))

    def assertRefused(self, error: type[Exception], channel: LinkChannel, replays: Any) -> None:
        for replay in replays:
            self.assertRaises(error, replay, channel)

    async def both(self) -> tuple[list[Replay], LinkChannel, list[Replay], LinkChannel]:
        """Messages of both directions, each with who opened them."""
        alice, bob = await self.pair()
        for channel in (alice, bob):
            await channel.when_ready(16)
        # That was inside an event of the link, which is not done with it.
        await deferLater(reactor, 0)
        return self.exchange(alice, bob), bob, self.exchange(bob, alice), alice

    async def restart(self, host: Host, name: str, partner: str) -> LinkChannel:
        await host.stop()
        host.start()
        channel = self.open(host, name, partner)
        await channel.when_ready()
        return channel

    async def test_at_once(self) -> None:
        to_bob, bob, to_alice, alice = await self.both()
        self.assertRefused(KeyUsedError, bob, to_bob)
        self.assertRefused(KeyUsedError, alice, to_alice)

    async def test_after_a_cut(self) -> None:
        to_bob, bob, to_alice, alice = await self.both()
        self.two.link.transport.abortConnection()
        await self.until(lambda: not alice.live and not bob.live)
        self.assertRefused(KeyUsedError, bob, to_bob)
        await self.until(lambda: alice.live and bob.live)
        self.assertRefused(KeyUsedError, bob, to_bob)
        self.assertRefused(KeyUsedError, alice, to_alice)

    async def test_after_the_channel_was_opened_again(self) -> None:
        to_bob, bob, to_alice, alice = await self.both()
        bob.stop()
        await self.until(lambda: not alice.live)
        bob.start()
        await self.until(lambda: alice.live and bob.live)
        self.assertRefused(KeyUsedError, bob, to_bob)
        self.assertRefused(KeyUsedError, alice, to_alice)

    async def test_after_either_process_ended(self) -> None:
        to_bob, bob, to_alice, alice = await self.both()
        bob = await self.restart(self.two, "bob", "alice")
        self.assertRefused(UnknownKeyError, bob, to_bob)
        self.assertRefused(UnknownKeyError, alice, to_alice)
        alice = await self.restart(self.one, "alice", "bob")
        self.assertRefused(UnknownKeyError, bob, to_bob)
        self.assertRefused(UnknownKeyError, alice, to_alice)

    async def test_after_the_service_was_made_again(self) -> None:
        to_bob, _, to_alice, alice = await self.both()
        self.two.node.remove("bob", owner="o")
        bob = self.open(self.two, "bob", "alice")
        await bob.when_ready()
        self.assertRefused(UnknownKeyError, bob, to_bob)
        self.assertRefused(UnknownKeyError, alice, to_alice)
