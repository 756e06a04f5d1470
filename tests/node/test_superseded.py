"""A channel that is being opened on the one of two links to a peer that ends."""

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import SynchronisationError
from dynamicrypt.node.endings import REDUNDANT, SUPERSEDED
from dynamicrypt.node.events import EventLog
from dynamicrypt.session.link_events import ChannelDown, ChannelUp
from tests.rest.keys import make_channel


class SupersededTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.channel = make_channel(
            "shop", "bank", owner="o", events=EventLog(), seconds=Clock().seconds
        )
        self.waiting = self.channel.when_live()

    def go_down(self, reason: str) -> None:
        link: Any = None  # a channel does not ask which it was
        down = ChannelDown(channel=self.channel.name, reason=reason, by_partner=False)
        self.channel.happened(link, down)

    def test_who_waits_for_it_waits_for_the_other_link(self) -> None:
        for reason in (SUPERSEDED, REDUNDANT):
            self.go_down(reason)
            self.assertNoResult(self.waiting)
        link: Any = type("Link", (), {"group": "X25519MLKEM768"})()
        self.channel.happened(link, ChannelUp(channel=self.channel.name))
        self.assertIsNone(self.successResultOf(self.waiting))

    def test_another_end_is_told(self) -> None:
        self.go_down("idle")
        self.failureResultOf(self.waiting, SynchronisationError)
