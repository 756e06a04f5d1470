"""`dynamicrypt status`: the node, its links and its channels."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from dynamicrypt.cli.channel import channel_table, channels_of
from dynamicrypt.cli.place import place_options
from dynamicrypt.cli.speech import Exit, fields, report, result, table
from dynamicrypt.client import ChannelState, DynamiCrypt, NodeState, Peer
from dynamicrypt.client.errors import ScopeMissingError, ServiceUnreachableError
from dynamicrypt.peer import identity
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.peers_file import PeersFile
from dynamicrypt.peer.statedir import StateDirectory

_HEADING = ("PEER", "LINK", "GROUP", "ROUND TRIP", "CHANNELS", "FINGERPRINT")


@click.command()
@click.option("--url", metavar="URL", help="Address of the service.")
@click.option("--socket", metavar="PATH", help="UNIX socket of the service.")
@place_options
def status(*, url: str | None, socket: str | None, state_dir: Path, as_json: bool) -> int:
    """Print the node, its links to peers, and this caller's channels.

    If the node does not run, what its state directory says of it is printed, and the exit status
    is 4.
    """
    elsewhere = url or socket or any(map(os.environ.get, ("DYNAMICRYPT_URL", "DYNAMICRYPT_SOCKET")))
    resting = None if elsewhere else _resting(StateDirectory(state_dir))
    try:
        with DynamiCrypt(url, socket=socket, state_dir=state_dir, patience=0.0) as client:
            node, channels = client.status(), channels_of(client)
            others = 0 if channels else _of_others(client, node)
    except ServiceUnreachableError as error:
        if resting is None:
            raise
        result(as_json=as_json, data=resting, text=_sheet(resting, []))
        report(error)
        return Exit.UNAVAILABLE
    data = _running(node, channels)
    shown = channel_table(channels) if channels or not others else _of_nobody_here(others)
    result(as_json=as_json, data=data, text=f"{_sheet(data, list(node.peers))}\n\n{shown}")
    return Exit.OK


def _resting(directory: StateDirectory) -> dict[str, Any]:
    """What the state directory says; raises what reading it raises."""
    peers = PeersFile(directory).current()
    return {
        "running": False,
        "fingerprint": show(identity.load(directory).fingerprint),
        "peers": [{"name": each.name, "fingerprint": show(each.fingerprint)} for each in peers],
    }


def _running(node: NodeState, channels: list[ChannelState]) -> dict[str, Any]:
    return {"running": True, **asdict(node), "channels": [asdict(each) for each in channels]}


def _sheet(data: dict[str, Any], peers: list[Peer]) -> str:
    names = ("name", "fingerprint", "profile", "version")
    head: dict[str, object] = {"running": "yes" if data["running"] else "no"}
    head |= {name: data[name] for name in names if name in data}
    parts = [fields(head | {"peers": len(data["peers"])})]
    if peers:
        parts.append(table([_HEADING, *map(_row, peers)]))
    return "\n\n".join(parts)


def _of_others(client: DynamiCrypt, node: NodeState) -> int:
    """How many channels others have; who may not ask sees those over links only."""
    try:
        return sum(len(each.channels) for each in client.all_services())
    except ScopeMissingError:
        return sum(peer.channels for peer in node.peers)


def _of_nobody_here(others: int) -> str:
    return (
        f"no channels of this caller, but {others} of others. Each sees its own: the owner with\n"
        "the owner's token, so without --socket; an administrator sees all of them by\n"
        "`dynamicrypt service list --any-owner`"
    )


def _row(peer: Peer) -> tuple[str, ...]:
    trip = peer.round_trip_seconds
    return (
        peer.name,
        "up" if peer.up else "down",
        peer.group or "-",
        "-" if trip is None else f"{trip * 1000:.1f} ms",
        str(peer.channels),
        peer.fingerprint,
    )
