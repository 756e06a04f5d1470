"""Which connection is the link to a peer, and what else a node's links come through."""

from dataclasses import replace
from typing import Any, cast

from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import SynchronisationError
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.node import channel as channel_module
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.endings import CLASSICAL, NOT_OPENED, SUPERSEDED, UNPAIRED
from dynamicrypt.node.events import EventLog
from dynamicrypt.node.links import Links
from dynamicrypt.params import PROFILES
from dynamicrypt.peer.admission import MAX_PER_ADDRESS
from dynamicrypt.peer.identity import generate
from dynamicrypt.peer.link import LinkProtocol
from dynamicrypt.peer.peers import Address, KnownPeers, Peer
from dynamicrypt.peer.tls import HYBRID_GROUP
from dynamicrypt.session.allowance import Allowances
from dynamicrypt.session.link_alive import LinkTimes
from dynamicrypt.session.link_events import (
    ChannelName,
    KeyMade,
    LinkDown,
    LinkUp,
    PeerIncarnationChanged,
)
from tests.node.hosts import reactor
from tests.node.test_callers import CallerTestCase

PEER = b"p" * 32


class Owner:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def link_up(self, link: LinkProtocol) -> None:
        self.told.append(f"up {cast('Connection', link).name}")

    def link_down(self, link: LinkProtocol, reason: str) -> None:
        self.told.append(f"down {cast('Connection', link).name}")

    def incarnation_changed(self, fingerprint: bytes) -> None:
        self.told.append("restarted")


class Connection:
    """A connection with the peer, of which only what `Links` looks at is there."""

    fingerprint = PEER
    address = None
    group = "X25519MLKEM768"
    began = heard = 0.0

    def __init__(self, links: Links, name: str) -> None:
        self.name = name
        self._links = links

    def happened(self, event: object) -> None:
        self._links.happened(cast("LinkProtocol", self), cast("Any", event))

    def up(self, incarnation: bytes, *, changed: bool = False) -> None:
        """The session comes up; `changed` as far as it knows."""
        if changed:
            self.happened(PeerIncarnationChanged(incarnation=incarnation))
        self.happened(LinkUp(name="p", incarnation=incarnation, version=(2, 0), features=()))

    def stop(self, reason: str) -> None:
        self.happened(LinkDown(reason=reason, error=None))

    def ping(self) -> None:
        pass

    def tick(self) -> None:
        pass


class LinksTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.owner = Owner()
        self.known = KnownPeers()
        self.links = Links(
            cast("Any", Clock()),
            identity=generate(),
            peers=lambda: self.known,
            name="test",
            times=LinkTimes(),
            owner=cast("Any", self.owner),
        )
        self.first, self.second, self.third = (
            Connection(self.links, name) for name in ("first", "second", "third")
        )


class IncarnationTests(LinksTestCase):
    def test_keys_are_erased_once_for_two_connections_that_tell_of_one_restart(self) -> None:
        self.first.up(b"before")
        self.first.stop("lost")
        self.second.up(b"after", changed=True)
        self.third.up(b"after", changed=True)
        self.assertEqual(self.owner.told.count("restarted"), 1)

    def test_a_restart_that_the_session_could_not_know_of_erases_keys(self) -> None:
        self.first.up(b"before")
        self.second.up(b"after")
        self.assertEqual(self.owner.told, ["up first", "down first", "restarted", "up second"])

    def test_keys_that_could_not_be_erased_are_erased_at_the_next_link(self) -> None:
        self.first.up(b"before")
        self.first.stop("lost")
        patch = self.patch(self.owner, "incarnation_changed", lambda _: 1 // 0)
        self.assertRaises(ZeroDivisionError, self.second.up, b"after")
        patch.restore()
        self.third.up(b"after")
        self.assertEqual(self.owner.told, ["up first", "down first", "restarted", "up third"])

    def test_the_first_meeting_erases_nothing(self) -> None:
        self.first.up(b"before")
        self.assertEqual(self.owner.told, ["up first"])


class DepartureTests(LinksTestCase):
    """Who waits to dial until there is no link."""

    def setUp(self) -> None:
        super().setUp()
        self.first.up(b"process")
        self.waiting = self.links.when_down(PEER)

    def test_a_link_that_is_lost_is_missed(self) -> None:
        self.first.stop("lost")
        self.assertIsNone(self.successResultOf(self.waiting))

    def test_a_link_that_another_has_superseded_is_not_missed(self) -> None:
        self.second.up(b"process")
        self.links._tick()
        self.assertNoResult(self.waiting)
        self.second.stop("lost")
        self.assertIsNone(self.successResultOf(self.waiting))

    def test_the_link_that_supersedes_may_come_up_here_a_moment_later(self) -> None:
        self.first.stop(SUPERSEDED)
        self.assertNoResult(self.waiting)
        self.second.up(b"process")
        self.links._tick()
        self.assertNoResult(self.waiting)

    def test_a_link_that_was_promised_and_does_not_come_up_is_missed(self) -> None:
        self.first.stop(SUPERSEDED)
        self.links._tick()
        self.assertIsNone(self.successResultOf(self.waiting))


class TrustTests(LinksTestCase):
    """What becomes of a link when the known peers change."""

    def ends(self, group: str, *peers: Peer) -> list[str]:
        """Why a link of this group was ended when these are the peers."""
        said: list[str] = []
        link: Any = self.first
        self.patch(link, "stop", said.append)
        self.patch(link, "group", group)
        self.links.connections._open.add(link)
        self.known = KnownPeers(peers)
        self.links._tick()
        return said

    def test_a_peer_that_was_removed_has_none(self) -> None:
        self.assertEqual(self.ends(HYBRID_GROUP), [UNPAIRED])

    def test_a_classical_link_ends_when_it_is_not_allowed_any_more(self) -> None:
        peer = Peer(name="p", fingerprint=PEER)
        self.assertEqual(self.ends("x25519", peer), [CLASSICAL])
        self.assertEqual(self.ends("x25519", replace(peer, allow_classical=True)), [])
        self.assertEqual(self.ends(HYBRID_GROUP, peer), [])


class AbsenceTests(LinksTestCase):
    """What people read of a peer without a link."""

    def says(self, *parts: str) -> None:
        self.assertEqual(self.links.absence(PEER).words, "; ".join(parts))

    def test_nobody_knows_the_peer(self) -> None:
        self.says("there was no link to the peer yet", "the peer is known no more")

    def test_its_address_is_not_known(self) -> None:
        self.known = KnownPeers((Peer(name="p", fingerprint=PEER),))
        self.links.keep(PEER)
        self.says("there was no link to the peer yet", "the peer has to dial")

    def test_it_is_dialled(self) -> None:
        address = Address("127.0.0.1", 1)
        self.known = KnownPeers((Peer(name="p", fingerprint=PEER, address=address),))
        self.links.keep(PEER)
        self.addCleanup(self.links.stop)
        self.says("there was no link to the peer yet", "the peer is dialled")

    def test_a_lost_link_says_why(self) -> None:
        self.known = KnownPeers((Peer(name="p", fingerprint=PEER),))
        self.first.up(b"before")
        self.first.stop("the partner is silent")
        self.says("the link ended: the partner is silent", "the peer has to dial")


class Ended:
    """A link that has ended the channel while its last events were under way."""

    def carries(self, _name: ChannelName) -> bool:
        return False

    def pause(self, _name: ChannelName) -> None:
        pass

    def statistics(self, _name: ChannelName) -> None:
        raise AssertionError


class LateEventTests(SynchronousTestCase):
    def test_the_last_keys_of_a_channel_that_ended_are_kept(self) -> None:
        link = cast("Any", Ended())
        channel = LinkChannel(
            name=ChannelName("a", "b"),
            owner="o",
            own=b"o" * 32,
            peer=PEER,
            profile=PROFILES["fast"],
            limits=StoreLimits(high=2, low=1, late=2),
            link=lambda: link,
            absence=lambda: NOT_OPENED,
            events=EventLog(),
            seconds=Clock().seconds,
            later=lambda call: call(),
            closed=lambda _: None,
        )
        for number in range(3):
            made = KeyMade(
                channel=channel.name,
                number=number,
                id=bytes([number]) * 16,
                key=bytearray(32),
                owner=True,
            )
            channel.happened(link, made)
        self.assertEqual(channel.store.levels.offered, 2)


class FaultTests(CallerTestCase):
    async def test_an_event_that_is_not_taken_harms_no_other(self) -> None:
        self.register()
        exchange = self.one.node._exchange
        taken, failures = exchange.happened, [ZeroDivisionError(), ZeroDivisionError()]

        def fail(link: LinkProtocol, event: Any) -> None:
            if isinstance(event, KeyMade) and not event.owner and failures:
                raise failures.pop()
            taken(link, event)

        self.patch(exchange, "happened", fail)
        await self.synchronise()
        await self.until(lambda: not failures)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        await self.works()

    async def test_a_clock_that_fails_once_goes_on(self) -> None:
        self.register()
        await self.synchronise()
        for ticking, turn in (
            (self.one.link, self.one.node._exchange.links._tick),
            (self.one.node._exchange._channels.popitem()[1], self.one.node._exchange._tick),
        ):
            if isinstance(ticking, LinkChannel):
                self.one.node._exchange._channels[ticking.peer, ticking.name] = ticking
            patch = self.patch(ticking.__class__, "tick", lambda _: 1 // 0)
            turn()
            patch.restore()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        await self.works()

    async def test_a_channel_that_cannot_be_opened_keeps_no_other_from_it(self) -> None:
        self.register()
        await self.synchronise()
        node = self.one.node
        node.create_service("eve", owner="o")
        broken = node.open_channel("eve", "carol", peer="two", owner="o").opening
        old = self.one.link
        self.patch(broken, "linked", lambda: 1 // 0)
        self.two.link.transport.abortConnection()
        await self.until(lambda: bool(list(node.links)) and self.one.link is not old)
        await self.until(lambda: bool(node.is_synchronising("alice", owner="o")))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        await self.works()

    async def test_a_channel_that_cannot_be_closed_keeps_no_other_from_it(self) -> None:
        self.register()
        await self.synchronise()
        node = self.one.node
        node.create_service("aaron", owner="o")
        broken = node.open_channel("aaron", "carol", peer="two", owner="o")
        (channel,) = node.channels("alice", owner="o")
        # The one that fails is asked first.
        node._exchange._channels[channel.peer, channel.name] = node._exchange._channels.pop(
            (channel.peer, channel.name)
        )
        self.patch(broken, "close", lambda *_: 1 // 0)
        node._exchange.stop()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(channel.store.levels.free, 0)
        self.assertEqual(list(node.links), [])
        del broken.close

    async def test_links_that_could_not_be_begun_take_no_place(self) -> None:
        self.register()
        for host in (self.one, self.two):
            patch = self.patch(host.node.links, "new_session", lambda *_: 1 // 0)
            for _ in range(MAX_PER_ADDRESS + 1):
                await self.assertFailure(self.sync("alice", "bob", self.two), SynchronisationError)
            patch.restore()
        await self.until(lambda: not len(self.two.node.links.connections))
        self.assertEqual(len(self.one.node.links.connections), 0)
        self.assertEqual(self.two.node.links.connections.doorkeeper.unfinished, 0)
        self.flushLoggedErrors(ZeroDivisionError)
        await self.synchronise()
        await self.works()

    async def test_a_channel_is_not_opened_in_a_loop(self) -> None:
        self.patch(channel_module, "OPENINGS", 2)
        self.patch(channel_module, "OPENINGS_PER_SECOND", 0.0)
        self.register()
        for _ in range(2):
            await self.synchronise()
            await deferLater(reactor, 0)
            self.one.node.remove("alice", owner="o")
            await self.until(lambda: not list(self.two.node._exchange.links))
            self.one.node.register("alice", owner="o")
        await self.assertFailure(self.sync("alice", "bob", self.two), SynchronisationError)

    async def test_a_peer_does_not_open_one_channel_after_another_in_a_loop(self) -> None:
        self.two.node._exchange._openings = Allowances(1, 0.0)
        self.register()
        await self.synchronise()
        for node, name, partner in ((self.one.node, "anna", "ben"), (self.two.node, "ben", "anna")):
            node.register(name, owner="o")
            node.configure(name, partner, owner="o")
        await self.assertFailure(self.sync("anna", "ben", self.two), SynchronisationError)
        await self.works()

    async def test_nobody_gets_in_after_the_end(self) -> None:
        self.register()
        self.two.node.stopService()
        await self.assertFailure(self.sync("alice", "bob", self.two), SynchronisationError)
        self.assertEqual(len(self.two.node._exchange.links.connections), 0)
