"""A confirmation that comes when its key is gone, as after a long cut."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.node.events import EventLog, Kind
from dynamicrypt.session.link_events import KeyConfirmed, KeyMade
from tests.rest.keys import make_channel


class LateConfirmationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events = EventLog()
        self.channel = make_channel(
            "shop", "bank", owner="o", events=self.events, seconds=self.clock.seconds
        )

    def make(self, key_id: bytes) -> None:
        made = KeyMade(
            channel=self.channel.name, number=0, id=key_id, key=bytearray(32), owner=True
        )
        self.channel.happened(None, made)  # type: ignore[arg-type]  # asked for its link only

    def confirm(self, key_id: bytes) -> None:
        confirmed = KeyConfirmed(channel=self.channel.name, id=key_id)
        self.channel.happened(None, confirmed)  # type: ignore[arg-type]  # as above

    def told(self) -> list[Kind]:
        return [event.kind for event in self.events.since(0)]

    def test_no_key_is_said_to_be_ready(self) -> None:
        self.make(b"a" * 16)
        self.clock.advance(self.channel.store.limits.dead_peer)
        self.channel.tick()
        self.confirm(b"a" * 16)
        self.assertEqual((self.channel.store.levels.free, self.told()), (0, []))

    def test_next_one_is(self) -> None:
        self.make(b"a" * 16)
        self.clock.advance(self.channel.store.limits.dead_peer)
        self.channel.tick()
        self.confirm(b"a" * 16)
        self.make(b"b" * 16)
        self.confirm(b"b" * 16)
        self.assertEqual((self.channel.store.levels.free, self.told()), (1, [Kind.KEY_READY]))
