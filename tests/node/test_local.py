"""Two services of one node share keys without a link."""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import KeyUsedError, NoKeyYetError, SynchronisationError
from dynamicrypt.node.carrier import Carrier
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.local import LocalLink
from dynamicrypt.params import PROFILES
from dynamicrypt.session.link_admission import Admission, Refusal
from dynamicrypt.session.link_events import (
    ChannelDown,
    ChannelEvent,
    ChannelName,
    ChannelUp,
    KeyMade,
)
from dynamicrypt.session.link_ledger import Ledger
from tests.node.hosts import HOST, ExchangeTestCase

PARAMETERS = PROFILES["fast"].exchange
X, Y = ChannelName("x", "y"), ChannelName("y", "x")


class EventTests(SynchronousTestCase):
    """Who is told of an event may ask the link for anything."""

    def setUp(self) -> None:
        self.link = LocalLink(self.judge, self.happened)
        self.told: list[str] = []
        self.keys = {X: 0, Y: 0}
        self.most = 8
        #: What is done when this is told, once.
        self.answers: dict[str, Callable[[], None]] = {}

    def judge(self, name: ChannelName) -> Admission | Refusal:
        return Admission(parameters=PARAMETERS, ledger=Ledger())

    def happened(self, event: ChannelEvent) -> None:
        if isinstance(event, KeyMade):
            self.keys[event.channel] += 1
            if self.keys[event.channel] >= self.most:
                self.link.pause(event.channel)
        if isinstance(event, ChannelUp | ChannelDown):
            told = f"{event.channel.service} {type(event).__name__}"
            self.told.append(told)
            self.answers.pop(told, lambda: None)()

    def open(self) -> None:
        self.link.open(X, PARAMETERS, Ledger())

    def close(self) -> None:
        self.link.close_channel(X, "left")

    def test_both_ends_come_up_before_there_are_keys(self) -> None:
        self.answers["x ChannelUp"] = lambda: self.assertTrue(self.link.carries(Y))
        self.answers["y ChannelUp"] = lambda: self.assertEqual(self.keys, {X: 0, Y: 0})
        self.open()
        self.assertEqual(self.told, ["x ChannelUp", "y ChannelUp"])
        self.assertEqual(self.keys, {X: 8, Y: 8})

    def test_nothing_is_kept_of_a_channel_that_was_closed(self) -> None:
        self.open()
        self.close()
        self.link.pause(X)
        self.assertEqual([*self.link._open, *self.link._paused, *self.link._hungry], [])

    def test_the_end_that_comes_up_may_close_the_channel(self) -> None:
        self.answers["x ChannelUp"] = self.close
        self.open()
        self.assertEqual(
            self.told, ["x ChannelUp", "y ChannelUp", "x ChannelDown", "y ChannelDown"]
        )
        self.assertEqual(self.keys, {X: 0, Y: 0})
        self.assertFalse(self.link.carries(X) or self.link.carries(Y))

    def test_the_end_that_goes_down_may_open_the_channel_again(self) -> None:
        self.open()
        self.told.clear()
        self.answers["x ChannelDown"] = self.open
        self.close()
        self.assertEqual(
            self.told, ["x ChannelDown", "y ChannelDown", "x ChannelUp", "y ChannelUp"]
        )
        self.assertTrue(self.link.carries(X) and self.link.carries(Y))

    def test_one_end_that_lacks_keys_wakes_the_other(self) -> None:
        self.open()
        self.most = 20
        self.link.resume(X)
        self.assertEqual(self.keys, {X: 20, Y: 20})
        self.assertEqual(self.link.statistics(X).keys, 20)

    def test_channel_that_is_closed_while_keys_are_made_gets_no_more(self) -> None:
        self.most = 10**6

        def close_after_five(event: ChannelEvent) -> None:
            self.happened(event)
            if self.keys[Y] == 5:
                self.close()

        self.link._happened = close_after_five
        self.open()
        self.assertEqual(self.keys, {X: 5, Y: 5})


class LocalChannelTests(ExchangeTestCase):
    def both(self) -> None:
        """Register x and y on the first host as each other's partners."""
        for name, partner in (("x", "y"), ("y", "x")):
            self.one.node.register(name, owner="o")
            self.one.node.configure(name, partner, owner="o")

    async def join(self) -> None:
        await self.one.node.synchronise("x", "y", HOST, self.one.port, owner="o")

    def channel(self, name: str, partner: str) -> LinkChannel:
        found: LinkChannel = self.one.node.channel(name, partner, owner="o")
        return found

    async def test_messages_cross_both_ways(self) -> None:
        self.both()
        await self.join()
        for sender, receiver in (("x", "y"), ("y", "x")):
            for mode in (1, 2):
                sealed = await self.sealed(self.one, sender, "to myself", mode)
                self.assertEqual(self.opened(self.one, receiver, sealed, mode), "to myself")
                self.assertRaises(KeyUsedError, self.opened, self.one, receiver, sealed, mode)

    async def test_keys_never_end(self) -> None:
        self.both()
        await self.join()
        keys = {(await self.sealed(self.one, "x", "m", 2)).key for _ in range(500)}
        self.assertEqual(len(keys), 500)

    async def test_both_ends_are_described(self) -> None:
        self.both()
        await self.join()
        for name, partner in (("x", "y"), ("y", "x")):
            status = self.channel(name, partner).describe()
            self.assertEqual((status.state, status.machines), ("resting", ()))
            self.assertEqual(status.keys_unmatched, 0)

    async def test_service_that_leaves_when_the_channel_comes_up_leaves_nothing(self) -> None:
        self.both()
        exchange = self.one.node._exchange
        come_up = LinkChannel._come_up

        def leave(channel: LinkChannel, link: Carrier) -> None:
            come_up(channel, link)
            if channel.name.service == "x":
                self.one.node.remove("x", owner="o")

        self.patch(LinkChannel, "_come_up", leave)
        await self.join()
        self.assertFalse(self.one.node.is_synchronising("y", owner="o"))
        self.assertEqual(exchange._local._open, {})
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_end_that_leaves_ends_the_other(self) -> None:
        self.both()
        await self.join()
        self.one.node.remove("y", owner="o")
        self.assertFalse(self.one.node.is_synchronising("x", owner="o"))
        self.assertRaises(NoKeyYetError, self.one.node.encrypt, "x", "m", 1, owner="o")

    async def test_service_that_expects_someone_else_is_refused(self) -> None:
        self.both()
        self.one.node.configure("y", "z", owner="o")
        with self.assertRaises(SynchronisationError):
            await self.join()

    async def test_stopped_end_refuses_until_it_is_started(self) -> None:
        self.both()
        await self.join()
        y = self.channel("y", "x")
        y.stop()
        self.assertFalse(self.channel("x", "y").live)
        y.start()
        self.assertTrue(self.channel("x", "y").live)
