"""What applications do with a channel's keys: each way of it, by the channel's clock."""

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import BadCiphertextError, KeyExpiredError
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.events import EventLog, Kind
from tests.rest.keys import KeyMaker, make_channel, other_end

TAKE: tuple[Callable[[LinkChannel], object], ...] = (
    lambda channel: channel.seal(b"m", 1),
    lambda channel: channel.seal(b"m", 2),
    lambda channel: channel.seal_batch([(b"m", b"")], 2),
    lambda channel: channel.stream_sealer(),
    lambda channel: channel.take_key(),
    lambda channel: channel.encrypt("m", 2),
)


class ChannelMessagesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events = EventLog()
        self.channel = make_channel(
            "shop", "bank", owner="o", events=self.events, seconds=self.clock.seconds
        )
        self.partner = other_end(self.channel, self.clock.seconds)
        self.maker = KeyMaker()

    def test_whatever_takes_the_last_key_tells_of_it_at_once(self) -> None:
        for number, take in enumerate(TAKE, 1):
            self.maker.give(self.channel, None)
            take(self.channel)
            kinds = [each.kind for each in self.events.since(0)]
            self.assertEqual(kinds, [Kind.KEY_READY, Kind.KEY_LOW] * number)

    def test_keys_expire_by_the_clock_though_nothing_ticks(self) -> None:
        self.maker.give(self.partner, self.channel, 9)
        (whole,), pieces = self.partner.seal(b"m", 2), self.partner.seal(b"m", 4)
        hashed = self.partner.encrypt("m", 2)
        key_id, _ = self.partner.take_key()
        self.clock.advance(self.channel.store.limits.held_time)
        ways: list[Callable[[], object]] = [
            lambda: self.channel.open(whole),
            lambda: self.channel.open(pieces[0]),
            lambda: self.channel.decrypt(hashed.message, hashed.hash, 2),
            lambda: self.channel.fetch_key(key_id),
        ]
        for way in ways:
            self.assertRaises(KeyExpiredError, way)
        (result,) = self.channel.open_batch([(whole, b"")])
        self.assertIsInstance(result, KeyExpiredError)

    def test_message_of_version_1_is_base64_and_nothing_else(self) -> None:
        self.maker.give(self.partner, self.channel)
        sealed = self.partner.encrypt("m", 1)
        for wrong in ("!", "=", "é", "\ud800"):
            message = sealed.message[:8] + wrong + sealed.message[8:]
            self.assertRaises(BadCiphertextError, self.channel.decrypt, message, sealed.hash, 1)
        lines = f"{sealed.message[:8]}\r\n{sealed.message[8:]}\n"
        self.assertEqual(self.channel.decrypt(lines, sealed.hash, 1), "m")
