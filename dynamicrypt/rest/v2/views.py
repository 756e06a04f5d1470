"""The node and its channels as REST v2 shows them."""

from __future__ import annotations

from dynamicrypt import __version__
from dynamicrypt.keys.store import Levels
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.node import Node
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.rest.shapes import state as shapes
from dynamicrypt.rest.shapes.state import (
    Channel,
    ChannelBrief,
    KeyLevels,
    Machine,
    Machines,
    OwnedService,
    OwnedServices,
    Peer,
    Service,
)


def describe_node(node: Node) -> shapes.Node:
    """The node, and the nodes that it knows."""
    status = node.status()
    return shapes.Node(
        name=status.name,
        fingerprint=show(status.fingerprint),
        profile=status.profile,
        version=__version__,
        incarnation=node.incarnation.hex(),
        peers=[
            Peer(
                name=peer.name,
                fingerprint=show(peer.fingerprint),
                up=peer.up,
                group=peer.group or None,
                round_trip_seconds=peer.round_trip,
                channels=peer.channels,
            )
            for peer in status.peers
        ],
    )


def describe_service(node: Node, name: str, *, owner: str) -> Service:
    """A service and its channels now; raises UnknownServiceError."""
    channels = node.channels(name, owner=owner)
    return Service(name=name, channels=[describe_channel(channel) for channel in channels])


def describe_channel(channel: LinkChannel) -> Channel:
    """The channel now."""
    status = channel.describe()
    return Channel(
        service=channel.name.service,
        partner=channel.name.partner,
        peer=show(channel.peer),
        state=status.state,
        reason=status.reason,
        code=status.code,
        profile=status.profile,
        keys=_levels(status.levels),
        keys_made=status.keys_made,
        rounds=status.rounds,
    )


def describe_machines(channel: LinkChannel) -> Machines:
    """The machines of the channel now."""
    return Machines(
        machines=[
            Machine(id=each.id, state=each.state, run=each.run, steps=each.steps)
            for each in channel.describe().machines
        ]
    )


def describe_all(node: Node) -> OwnedServices:
    """Every service of the node now, by name."""
    return OwnedServices(
        services=[
            OwnedService(
                name=name,
                owner=owner,
                channels=[_brief(channel) for channel in node.channels(name, owner=owner)],
            )
            for name, owner in sorted(node.owners().items())
        ]
    )


def _brief(channel: LinkChannel) -> ChannelBrief:
    status = channel.describe()
    return ChannelBrief(
        partner=channel.name.partner,
        peer=show(channel.peer),
        state=status.state,
        reason=status.reason,
        keys=_levels(status.levels),
    )


def _levels(levels: Levels) -> KeyLevels:
    return KeyLevels(
        offered=levels.offered, free=levels.free, in_use=levels.in_use, held=levels.held
    )
