"""The operations of channels: what services share with their partners."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IReactorTime

from dynamicrypt.access.tokens import Token
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.node import Node
from dynamicrypt.rest.desk.operation import Eventually, RouteTable
from dynamicrypt.rest.desk.patience import Patience
from dynamicrypt.rest.shapes.names import fit
from dynamicrypt.rest.shapes.state import Channel, Channels, Machines, OpenChannel
from dynamicrypt.rest.v2.views import describe_channel, describe_machines, describe_service

#: The path of a channel, and what goes wrong with one.
CHANNEL: Final = "/services/{service}/channels/{partner}"
ON_CHANNEL: Final = ("unknown_service", "unknown_channel")


class ChannelRoutes:
    """The channels of the caller's services."""

    routes = RouteTable()

    def __init__(self, node: Node, reactor: IReactorTime) -> None:
        self._node = node
        self._reactor = reactor

    @routes.add(
        "GET", "/services/{service}/channels", gives=[Channels], problems=("unknown_service",)
    )
    def list_channels(self, token: Token, *, service: str) -> Channels:
        """The channels of a service."""
        return Channels(channels=describe_service(self._node, service, owner=token.id).channels)

    @routes.add(
        "PUT",
        CHANNEL,
        takes=OpenChannel,
        gives=[Channel],
        statuses=(201, 200),
        problems=(
            "unknown_service",
            "unknown_peer",
            "too_many_services",
            "storage_failed",
        ),
    )
    def open_channel(
        self, token: Token, asked: OpenChannel, *, service: str, partner: str
    ) -> tuple[int, Channel]:
        """Open a channel to a partner at a known peer, and keep it open.

        This node's own fingerprint is a peer, too: two services of one node need no link.
        Answers at once; with `wait`, GET tells when keys are there. The partner's node must have
        opened the channel, too. A channel with this partner at another peer ends, and its keys are
        erased.
        """
        before = self._node.channels(service, owner=token.id)
        channel = self._node.open_channel(service, fit(partner), peer=asked.peer, owner=token.id)
        return 200 if channel in before else 201, describe_channel(channel)

    @routes.add("GET", CHANNEL, gives=[Channel], problems=ON_CHANNEL, waits=True)
    def get_channel(
        self, token: Token, wait: float, *, service: str, partner: str
    ) -> Eventually[Channel]:
        """A channel: its state and its keys.

        With `wait` the answer comes once a key is ready, or when that time is over.
        """
        channel = self._node.channel(service, partner, owner=token.id)
        return self._described_when_ready(channel, wait) if wait else describe_channel(channel)

    @routes.add("GET", CHANNEL + "/machines", gives=[Machines], problems=ON_CHANNEL)
    def list_machines(self, token: Token, *, service: str, partner: str) -> Machines:
        """The machines of a channel: each with its run, and its steps in it."""
        return describe_machines(self._node.channel(service, partner, owner=token.id))

    @routes.add("DELETE", CHANNEL, statuses=(204,), problems=(*ON_CHANNEL, "storage_failed"))
    def close_channel(self, token: Token, *, service: str, partner: str) -> None:
        """Close a channel and erase its keys."""
        self._node.close_channel(service, partner, owner=token.id)

    @routes.add("POST", CHANNEL + "/start", gives=[Channel], problems=ON_CHANNEL)
    def start_channel(self, token: Token, *, service: str, partner: str) -> Channel:
        """Let the machines synchronise again."""
        channel = self._node.channel(service, partner, owner=token.id)
        channel.start()
        return describe_channel(channel)

    @routes.add("POST", CHANNEL + "/stop", gives=[Channel], problems=ON_CHANNEL)
    def stop_channel(self, token: Token, *, service: str, partner: str) -> Channel:
        """Stop synchronising; keys that are ready stay usable until they expire."""
        channel = self._node.channel(service, partner, owner=token.id)
        channel.stop()
        return describe_channel(channel)

    async def _described_when_ready(self, channel: LinkChannel, wait: float) -> Channel:
        await Patience(self._reactor, wait).has_keys(channel, 1)
        return describe_channel(channel)
