"""Two nodes, a network that is cut again and again, and messages of all modes on their way.

Whatever is cut and whoever restarts: what opens is what was sealed, once; what does not open fails
with its own error and for its own reason; and no key serves twice.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from twisted.internet import reactor as installed_reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from dynamicrypt.errors import (
    BadCiphertextError,
    DynamiCryptError,
    KeyUsedError,
    NoKeyYetError,
    UnknownKeyError,
    WrongChannelError,
)
from dynamicrypt.keys.envelope import HEAD_BYTES, parse
from dynamicrypt.keys.pool_key import Mode
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.peer import dialler
from dynamicrypt.peer.peers import Address, KnownPeers, Peer
from tests.node.hosts import HOST, Host
from tests.relay import Relay

reactor: Any = installed_reactor
SECONDS = float(os.environ.get("SOAK_SECONDS", "300"))
SEED = int(os.environ.get("SOAK_SEED", "2026"))
CHANNELS = 3
#: Messages that are under way at most; far fewer than the keys that a holder keeps.
UNDER_WAY = 200


@dataclass(kw_only=True)
class Letter:
    """A message under way: `parts` are envelopes, a stream, or the id of a delivered key."""

    sender: int
    channel: int
    mode: int
    content: bytes
    context: bytes
    parts: list[bytes]
    #: How often either process, or the channel, had begun anew when it was sealed.
    life: tuple[int, int]


class CutTests(TestCase):
    timeout = SECONDS + 120

    def setUp(self) -> None:
        self.patch(dialler, "FIRST_PAUSE", 0.02)
        self.patch(dialler, "LONGEST_PAUSE", 0.1)
        self.chance = random.Random(SEED)
        self.hosts = (Host("one"), Host("two"))
        self.relays: list[Relay] = []
        self.lives = [0, 0]
        self.under_way: list[Letter] = []
        self.spent: dict[bytes, int] = {}
        self.seen: set[tuple[bytes, int]] = set()
        self.counts: Counter[str] = Counter()
        self.addCleanup(self.end)

    async def end(self) -> None:
        for host in self.hosts:
            await host.stop()
        for relay in self.relays:
            await relay.stop()
        await deferLater(reactor, 0.1)

    async def begin(self) -> None:
        for host in self.hosts:
            host.start()
            target = TCP4ClientEndpoint(reactor, HOST, host.port)
            self.relays.append(Relay(reactor, target))
        ports = [await relay.start() for relay in self.relays]
        for host, other, port in zip(self.hosts, self.hosts[::-1], ports[::-1], strict=True):
            peer = Peer(
                name=other.name,
                fingerprint=other.identity.fingerprint,
                address=Address(HOST, port),
            )
            host.known = KnownPeers((peer,))
            self.open(host)

    def open(self, host: Host) -> None:
        (peer,) = host.known
        side = self.hosts.index(host)
        for number in range(CHANNELS):
            host.node.create_service(f"{side}-{number}", owner="o")
            host.node.open_channel(
                f"{side}-{number}", f"{1 - side}-{number}", peer=peer.name, owner="o"
            )

    def channel(self, side: int, number: int) -> LinkChannel:
        channel: LinkChannel = self.hosts[side].node.channel(
            f"{side}-{number}", f"{1 - side}-{number}", owner="o"
        )
        return channel

    async def test_no_message_is_lost_changed_or_opened_twice(self) -> None:
        await self.begin()
        ends = reactor.seconds() + SECONDS
        while reactor.seconds() < ends:
            for _ in range(self.chance.choice((5, 20, 100))):
                self.chance.choice(ACTIONS)(self)
            await deferLater(reactor, self.chance.choice((0.0, 0.001, 0.01, 0.05)))
            await self.weather()
        await self.until_all_talk()
        for letter in list(self.under_way):
            self.arrive(letter)
        print(dict(self.counts))

    async def until_all_talk(self) -> None:
        """On a good network keys come again on every channel, both ways, without help."""
        for relay in self.relays:
            relay.mend()
            relay.release()
        ends = reactor.seconds() + 15
        silent = {(side, number) for side in (0, 1) for number in range(CHANNELS)}
        while silent:
            self.assertLess(reactor.seconds(), ends, f"no keys for {silent}")
            for side, number in list(silent):
                if self.channel(side, number).live and self.post(side, number, Mode.SECURE):
                    silent.discard((side, number))
            await deferLater(reactor, 0.02)

    async def weather(self) -> None:
        """What the network and the machines do to the nodes."""
        what, relay = self.chance.random(), self.chance.choice(self.relays)
        if what < 0.05:
            relay.cut()
            self.counts["cuts"] += 1
        elif what < 0.2:
            relay.mend()
        elif what < 0.25:
            relay.delay = self.chance.choice((0.0, 0.001, 0.005))
        elif what < 0.26:
            relay.hold()
        elif what < 0.3:
            relay.release()
        elif what < 0.302:
            await self.restart(self.chance.randrange(2))

    async def restart(self, side: int) -> None:
        """The process ends and starts again."""
        self.counts["restarts"] += 1
        host = self.hosts[side]
        await host.stop()
        self.lives[side] += 1
        host.start()
        self.open(host)
        if self.chance.random() < 0.5:
            await self.until_all_talk()

    def post_something(self) -> None:
        if len(self.under_way) < UNDER_WAY:
            mode = self.chance.choice(list(Mode))
            self.post(self.chance.randrange(2), self.chance.randrange(CHANNELS), mode)

    def post(self, side: int, number: int, mode: Mode) -> bool:
        """Seal a message if there are keys for it."""
        channel = self.channel(side, number)
        content = self.chance.randbytes(self.chance.choice((0, 1, 100, 70_000)))
        context = self.chance.randbytes(self.chance.choice((0, 20)))
        try:
            content, parts = self.seal(channel, mode, content, context)
        except NoKeyYetError:
            self.counts["no key yet"] += 1
            return False
        letter = Letter(
            sender=side,
            channel=number,
            mode=mode,
            content=content,
            context=context,
            parts=parts,
            life=self.life(side),
        )
        self.note(letter)
        self.under_way.append(letter)
        return True

    def life(self, side: int) -> tuple[int, int]:
        """The lives of both processes, as this side knows them."""
        lives = [self.lives[0], self.lives[1]]
        links, other = self.hosts[side].node._exchange.links, self.hosts[1 - side]
        met = links._table.incarnations.get(other.identity.fingerprint)
        if met not in (None, other.node.incarnation):
            lives[1 - side] -= 1
        return lives[0], lives[1]

    def seal(
        self, channel: LinkChannel, mode: Mode, content: bytes, context: bytes
    ) -> tuple[bytes, list[bytes]]:
        if mode is Mode.DELIVERY:
            key_id, key = channel.take_key()
            return bytes(key), [key_id.bytes]
        if mode is Mode.STREAM:
            sealer = channel.stream_sealer(context)
            return content, [sealer.header + sealer.update(content) + sealer.finish()]
        limit = 3 if mode is Mode.COUNTED else 0
        return content, channel.seal(content, mode, context, limit=limit)

    def note(self, letter: Letter) -> None:
        """No key serves two modes, nor two messages but with counters of their own."""
        for part in letter.parts:
            key_id, counter = part, 0
            if letter.mode != Mode.DELIVERY:
                header = parse(part)
                key_id, counter = header.key_id, header.counter
            self.assertEqual(self.spent.setdefault(key_id, letter.mode), letter.mode)
            self.assertNotIn((key_id, counter), self.seen)
            self.seen.add((key_id, counter))

    def open_letter(self, letter: Letter, side: int, number: int) -> bytes | None:
        channel, context = self.channel(side, number), letter.context
        if letter.mode == Mode.DELIVERY:
            return bytes(channel.fetch_key(UUID(bytes=letter.parts[0])))
        if letter.mode == Mode.STREAM:
            opener, now = channel.stream_opener(context), reactor.seconds()
            return opener.update(letter.parts[0], now) + opener.finish(now)
        opened = [channel.open(part, context) for part in letter.parts]
        self.assertTrue(all(each is None for each in opened[:-1]))
        return opened[-1]

    def arrive_something(self) -> None:
        if self.under_way:
            self.arrive(self.chance.choice(self.under_way))

    def arrive(self, letter: Letter) -> None:
        """The letter opens once; it fails only if a process that knew its key has ended."""
        self.under_way.remove(letter)
        receiver = 1 - letter.sender
        if letter.life != (self.lives[0], self.lives[1]):
            # A process that began anew may not have been met yet: then the other has all keys.
            try:
                self.assertEqual(self.open_letter(letter, receiver, letter.channel), letter.content)
            except UnknownKeyError:
                self.counts["of an ended process"] += 1
            return
        self.assertEqual(self.open_letter(letter, receiver, letter.channel), letter.content)
        self.counts[f"mode {letter.mode}"] += 1
        self.fails(KeyUsedError, letter, receiver, letter.channel)

    def disturb_something(self) -> None:
        """Attempts that must fail, and leave the letter as it was."""
        if not self.under_way:
            return
        letter = self.chance.choice(self.under_way)
        if letter.life != (self.lives[0], self.lives[1]):
            return
        receiver, other = 1 - letter.sender, (letter.channel + 1) % CHANNELS
        if letter.mode == Mode.DELIVERY:
            self.fails(UnknownKeyError, letter, letter.sender, letter.channel)
            return
        self.fails(WrongChannelError, letter, letter.sender, letter.channel)
        self.fails(UnknownKeyError, letter, receiver, other)
        part = bytearray(letter.parts[0])
        # Behind the counter, for another one may have been seen.
        at = self.chance.randrange(HEAD_BYTES, len(part))
        part[at] ^= 1 << self.chance.randrange(8)
        changed = Letter(**{**letter.__dict__, "parts": [bytes(part)]})
        self.fails(BadCiphertextError, changed, receiver, letter.channel)

    def fails(self, error: type[DynamiCryptError], letter: Letter, side: int, number: int) -> None:
        self.assertRaises(error, self.open_letter, letter, side, number)


ACTIONS: tuple[Callable[[CutTests], None], ...] = (
    CutTests.post_something,
    CutTests.post_something,
    CutTests.arrive_something,
    CutTests.disturb_something,
)
