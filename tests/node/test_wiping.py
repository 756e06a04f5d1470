"""Keys that are told by events are overwritten by who takes them.

A search of memory does not show whether that is done: what is freed is overwritten by the process
later, and what is not freed yet is there or not by chance.
"""

from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import ParameterError
from dynamicrypt.keys.schedule import ChannelKeys
from dynamicrypt.keys.store import KeyStore
from dynamicrypt.node.events import EventLog
from dynamicrypt.node.exchange import Exchange
from dynamicrypt.node.service import Services
from dynamicrypt.node.thesis import ThesisChannel
from dynamicrypt.params import PROFILES
from dynamicrypt.peer.identity import generate
from dynamicrypt.peer.peers import KnownPeers
from dynamicrypt.session.link_events import ChannelName, KeyMade
from dynamicrypt.session.link_fusion import Made
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_mint import Mint
from dynamicrypt.session.link_statistics import Statistics
from dynamicrypt.session.thesis_events import KeyBorn
from tests.rest.keys import THERE, make_channel

NAME = ChannelName("a", "b")


def key_made(key: bytearray, *, key_id: bytes = bytes(16)) -> KeyMade:
    return KeyMade(channel=NAME, number=0, id=key_id, key=key, owner=True)


class WipingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.key = bytearray(range(1, 33))
        self.channel = make_channel(*NAME, owner="o", events=EventLog(), seconds=Clock().seconds)

    def assertWiped(self) -> None:
        self.assertEqual(self.key, bytes(len(self.key)))

    def test_a_channel_wipes_a_key_once_it_is_stored(self) -> None:
        self.channel.happened(cast("Any", None), key_made(self.key))
        self.assertEqual(self.channel.store.levels.offered, 1)
        self.assertWiped()

    def test_a_channel_wipes_a_key_that_cannot_be_stored(self) -> None:
        self.patch(KeyStore, "add", lambda *_, **__: 1 / 0)
        with self.assertRaises(ZeroDivisionError):
            self.channel.happened(cast("Any", None), key_made(self.key))
        self.assertWiped()

    def test_a_key_of_a_channel_that_has_gone_is_wiped(self) -> None:
        exchange = Exchange(
            cast("Any", Clock()),
            Services(),
            identity=generate(),
            peers=KnownPeers,
            name="here",
            profile=PROFILES["fast"],
            events=EventLog(),
        )
        exchange.happened(cast("Any", SimpleNamespace(fingerprint=THERE)), key_made(self.key))
        self.assertWiped()

    def test_keys_that_a_link_made_and_did_not_tell_of_are_wiped_with_it(self) -> None:
        mint = Mint(
            number=0,
            role=0,
            name=NAME,
            parameters=PROFILES["fast"].exchange,
            ledger=Ledger(),
            statistics=Statistics(),
        )
        made = Made(0, bytes(16), self.key)
        self.patch(mint, "_fusion", SimpleNamespace(absorb=lambda *_: made, discard=lambda: None))
        keys = SimpleNamespace(confirmation=lambda *_: bytes(16))
        mint.absorb(memoryview(b""), cast("ChannelKeys", keys), 1)
        mint.wipe()
        self.assertWiped()

    def test_a_channel_of_wire_1_wipes_a_key_whether_it_is_stored_or_not(self) -> None:
        self.key = bytearray(b"4" * 72)
        channel = ThesisChannel(service="a", partner="b", clock=Clock())
        channel.store.new_connection(dialler=True)
        channel.happened(KeyBorn(number=0, key=self.key, iterations=9, confirmed=True))
        self.assertEqual(len(channel.store), 1)
        self.assertWiped()
        self.key[:] = b"4" * 72
        with self.assertRaises(ParameterError):
            channel.happened(KeyBorn(number=0, key=self.key, iterations=9, confirmed=True))
        self.assertWiped()
