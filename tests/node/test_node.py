"""Two nodes in this process, wire 1 between them over loopback."""

from collections.abc import Callable
from typing import Any, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from dynamicrypt.errors import (
    BadCiphertextError,
    NoKeyYetError,
    ParameterError,
    SynchronisationError,
    TooManyServicesError,
    UnknownServiceError,
    UnsupportedModeError,
)
from dynamicrypt.node import service as service_module
from dynamicrypt.node import wires
from dynamicrypt.node.node import Node
from dynamicrypt.node.service import SealedMessage
from dynamicrypt.params import PROFILES
from dynamicrypt.peer.identity import generate
from dynamicrypt.peer.peers import KnownPeers
from tests.logs import lines_of

reactor: Any = installed_reactor
HOST = "127.0.0.1"


def new_node(thesis_port: int = 4711) -> Node:
    """A node whose applications use wire 1."""
    return Node(
        reactor,
        identity=generate(),
        peers=KnownPeers,
        name="test",
        profile=PROFILES["fast"],
        advertised={1: ("192.0.2.7", thesis_port), 2: ("192.0.2.7", 4712)},
        default_wire=1,
    )


class NodeTestCase(TestCase):
    timeout = 30

    def node(self) -> tuple[Node, int]:
        """A running node and its port."""
        node = new_node()
        port = reactor.listenTCP(0, node.thesis_listener(), interface=HOST)
        node.startService()
        self.addCleanup(self.settle)
        self.addCleanup(node.stopService)
        self.addCleanup(port.stopListening)
        return node, port.getHost().port

    def settle(self) -> Deferred[None]:
        """Let the sockets that were dropped be closed."""
        return deferLater(reactor, 0.02)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the network; the test's timeout ends it."""
        while not condition():
            await deferLater(reactor, 0.005)

    async def encrypted(self, node: Node, name: str, text: str, mode: int) -> SealedMessage:
        """Encrypt as soon as there is a key."""
        while True:
            try:
                return node.encrypt(name, text, mode, owner="o")
            except NoKeyYetError:
                await deferLater(reactor, 0.005)

    async def decrypted(self, node: Node, name: str, sealed: SealedMessage, mode: int) -> str:
        """Decrypt as soon as the key is there: the partner may know of it first."""
        while True:
            try:
                return node.decrypt(name, sealed.message, sealed.hash, mode, owner="o")
            except (NoKeyYetError, BadCiphertextError):
                await deferLater(reactor, 0.005)

    def pair(self) -> tuple[Node, Node, int]:
        """Two nodes with the configured partners alice and bob; the port is bob's."""
        (one, _), (two, port) = self.node(), self.node()
        one.register("alice", owner="o")
        two.register("bob", owner="o")
        one.configure("alice", "bob", owner="o")
        two.configure("bob", "alice", owner="o")
        return one, two, port


class RegistrationTests(NodeTestCase):
    def setUp(self) -> None:
        self.subject = new_node()

    def test_tells_the_address_that_it_was_given(self) -> None:
        registered = self.subject.register("alice", owner="o")
        self.assertEqual((registered.address, registered.port), ("192.0.2.7", 4711))

    def test_taken_or_empty_name_gets_digits(self) -> None:
        self.assertEqual(self.subject.register("s", owner="o").name, "s")
        self.assertRegex(self.subject.register("s", owner="p").name, r"^s\d{6}$")
        self.assertRegex(self.subject.register("", owner="o").name, r"^\d{6}$")

    def test_name_ends_before_its_first_nul(self) -> None:
        self.assertEqual(self.subject.register("a\tb\0c", owner="o").name, "a\tb")

    def test_refuses_names_that_no_wire_carries(self) -> None:
        for name in ("x" * 250, "\ud800"):
            self.assertRaises(ParameterError, self.subject.register, name, owner="o")

    def test_services_are_limited_in_number(self) -> None:
        self.patch(service_module, "MAX_SERVICES", 2)
        self.subject.register("a", owner="o")
        self.subject.register("b", owner="o")
        self.assertRaises(TooManyServicesError, self.subject.register, "c", owner="o")

    def test_service_exists_for_its_owner_only(self) -> None:
        self.subject.register("alice", owner="o")
        calls: list[Callable[[], object]] = [
            lambda: self.subject.configure("alice", "bob", owner="p"),
            lambda: self.subject.encrypt("alice", "m", 1, owner="p"),
            lambda: self.subject.decrypt("alice", "m", "h", 1, owner="p"),
            lambda: self.subject.remove("alice", owner="p"),
        ]
        for call in calls:
            self.assertRaises(UnknownServiceError, call)
        self.assertFalse(self.subject.is_synchronising("alice", owner="p"))

    def test_refuses_other_wires(self) -> None:
        self.assertRaises(ParameterError, self.subject.register, "s", owner="o", wire=3)

    def test_refuses_a_wire_that_has_no_port(self) -> None:
        subject = new_node(thesis_port=0)
        for wire in (1, None):
            self.assertRaises(ParameterError, subject.register, "s", owner="o", wire=wire)
        self.assertEqual(subject.register("s", owner="o", wire=2).name, "s")

    def test_no_key_before_the_first_synchronisation(self) -> None:
        self.subject.register("alice", owner="o")
        self.assertRaises(NoKeyYetError, self.subject.encrypt, "alice", "m", 1, owner="o")


class SynchronisingTests(NodeTestCase):
    async def test_messages_of_both_modes_cross_both_ways(self) -> None:
        one, two, port = self.pair()
        await one.synchronise("alice", "bob", HOST, port, owner="o")
        self.assertTrue(one.is_synchronising("alice", owner="o"))
        for mode in (1, 2):
            for sender, name, receiver, other in (
                (one, "alice", two, "bob"),
                (two, "bob", one, "alice"),
            ):
                for text in ("", "hello", "grüße ✓"):
                    sealed = await self.encrypted(sender, name, text, mode)
                    self.assertEqual(await self.decrypted(receiver, other, sealed, mode), text)

    async def test_mode_2_uses_a_key_once(self) -> None:
        one, _, port = self.pair()
        await one.synchronise("alice", "bob", HOST, port, owner="o")
        keys = [(await self.encrypted(one, "alice", "m", 2)).key for _ in range(4)]
        self.assertEqual(len(set(keys)), 4)

    async def test_channels_have_modes_1_and_2(self) -> None:
        one, _, port = self.pair()
        await one.synchronise("alice", "bob", HOST, port, owner="o")
        await self.encrypted(one, "alice", "m", 1)
        self.assertRaises(UnsupportedModeError, one.encrypt, "alice", "m", 3, owner="o")

    async def test_synchronising_again_changes_nothing(self) -> None:
        one, two, port = self.pair()
        await one.synchronise("alice", "bob", HOST, port, owner="o")
        await one.synchronise("alice", "bob", HOST, port, owner="o")
        self.assertTrue(two.is_synchronising("bob", owner="o"))

    async def test_many_channels_between_two_nodes(self) -> None:
        (one, _), (two, port) = self.node(), self.node()
        for number in range(8):
            for node, name, partner in (
                (one, f"a{number}", f"b{number}"),
                (two, f"b{number}", f"a{number}"),
            ):
                node.register(name, owner="o")
                node.configure(name, partner, owner="o")
        await gatherResults(
            Deferred.fromCoroutine(
                one.synchronise(f"a{number}", f"b{number}", HOST, port, owner="o")
            )
            for number in range(8)
        )
        for number in range(8):
            sealed = await self.encrypted(one, f"a{number}", f"text {number}", 1)
            text = await self.decrypted(two, f"b{number}", sealed, 1)
            self.assertEqual(text, f"text {number}")

    async def test_two_services_of_one_node(self) -> None:
        node, port = self.node()
        for name, partner in (("x", "y"), ("y", "x")):
            node.register(name, owner="o")
            node.configure(name, partner, owner="o")
        await node.synchronise("x", "y", HOST, port, owner="o")
        sealed = await self.encrypted(node, "x", "to myself", 1)
        self.assertEqual(await self.decrypted(node, "y", sealed, 1), "to myself")

    async def test_both_dial_at_once(self) -> None:
        (one, port_one), (two, port_two) = self.node(), self.node()
        for node, name, partner in ((one, "s", "s"), (two, "s", "s")):
            node.register(name, owner="o")
            node.configure(name, partner, owner="o")
        await gatherResults(
            [
                Deferred.fromCoroutine(one.synchronise("s", "s", HOST, port_two, owner="o")),
                Deferred.fromCoroutine(two.synchronise("s", "s", HOST, port_one, owner="o")),
            ]
        )
        sealed = await self.encrypted(one, "s", "both", 1)
        self.assertEqual(await self.decrypted(two, "s", sealed, 1), "both")

    async def test_cut_connection_heals_and_keys_stay(self) -> None:
        one, two, port = self.pair()
        await one.synchronise("alice", "bob", HOST, port, owner="o")
        late = await self.encrypted(one, "alice", "late", 1)
        await self.until(lambda: len(cast("Any", two)._services._by_name["bob"].channel.store) > 0)
        cast("Any", two)._services._by_name["bob"].channel._connection.drop()
        await self.until(lambda: not one.is_synchronising("alice", owner="o"))
        self.assertEqual(await self.decrypted(two, "bob", late, 1), "late")
        await self.until(lambda: one.is_synchronising("alice", owner="o"))
        fresh = await self.encrypted(one, "alice", "again", 1)
        self.assertEqual(await self.decrypted(two, "bob", fresh, 1), "again")

    async def test_partner_that_leaves_is_seen_and_may_come_back(self) -> None:
        one, two, port = self.pair()
        await one.synchronise("alice", "bob", HOST, port, owner="o")
        two.remove("bob", owner="o")
        await self.until(lambda: not one.is_synchronising("alice", owner="o"))
        one.configure("alice", "bob", owner="o")
        two.register("bob", owner="o")
        two.configure("bob", "alice", owner="o")
        await self.until(lambda: one.is_synchronising("alice", owner="o"))

    async def test_removed_service_stops_dialling(self) -> None:
        one, two, port = self.pair()
        await one.synchronise("alice", "bob", HOST, port, owner="o")
        one.remove("alice", owner="o")
        await self.until(lambda: not two.is_synchronising("bob", owner="o"))
        self.assertRaises(UnknownServiceError, one.remove, "alice", owner="o")

    async def test_other_partner_erases_the_keys(self) -> None:
        one, two, port = self.pair()
        await one.synchronise("alice", "bob", HOST, port, owner="o")
        await self.encrypted(one, "alice", "m", 1)
        one.configure("alice", "carol", owner="o")
        self.assertRaises(NoKeyYetError, one.encrypt, "alice", "m", 1, owner="o")
        await self.until(lambda: not two.is_synchronising("bob", owner="o"))


class FailureTests(NodeTestCase):
    async def fails(self, node: Node, address: str, port: int, why: str = "") -> None:
        with capturedLogs() as events, self.assertRaises(SynchronisationError) as caught:
            await node.synchronise("alice", "bob", address, port, owner="o")
        (line,) = lines_of(events, "dynamicrypt.node.wires")
        said = str(caught.exception)[:300]
        self.assertIn(why, said)
        self.assertTrue(line.startswith("sync failed channel=alice/bob wire=1 with "), line)
        self.assertTrue(line.endswith(f" port {port}: {said}"), line)
        self.assertLess(len(line.encode()), 1000)
        self.assertFalse(node.is_synchronising("alice", owner="o"))
        channel = cast("Any", node)._services._by_name["alice"].channel
        self.assertTrue(channel is None or channel.dialler is None)

    async def test_refused_port(self) -> None:
        one, _, _ = self.pair()
        port = reactor.listenTCP(0, Factory(), interface=HOST)
        number = port.getHost().port
        await port.stopListening()
        await self.fails(one, HOST, number)

    async def test_port_out_of_range(self) -> None:
        one, _, _ = self.pair()
        for port in (-1, 0, 65536, 99999999):
            await self.fails(one, HOST, port)

    async def test_no_address(self) -> None:
        one, _, port = self.pair()
        for address in ("", "not an address", "x" * 10_000, "a..b", "\ud800"):
            await self.fails(one, address, port)

    async def test_partner_that_expects_someone_else(self) -> None:
        one, two, port = self.pair()
        two.configure("bob", "carol", owner="o")
        await self.fails(one, HOST, port)

    async def test_partner_that_says_nothing(self) -> None:
        self.patch(wires, "SYNC_TIMEOUT", 0.1)
        one, _, _ = self.pair()
        silent = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface=HOST)
        self.addCleanup(silent.stopListening)
        await self.fails(one, HOST, silent.getHost().port, "no answer in time")

    async def test_name_that_wire_1_cannot_carry(self) -> None:
        node, port = self.node()
        node.register("a\tb", owner="o")
        with self.assertRaises(SynchronisationError):
            await node.synchronise("a\tb", "bob", HOST, port, owner="o")

    async def test_unknown_service(self) -> None:
        node, port = self.node()
        with self.assertRaises(UnknownServiceError):
            await node.synchronise("nobody", "bob", HOST, port, owner="o")
