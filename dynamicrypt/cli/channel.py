"""`dynamicrypt channel`: what services share with their partners at other nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from dynamicrypt.cli.reach import reach_options
from dynamicrypt.cli.speech import fields, result, table
from dynamicrypt.client import ChannelState, DynamiCrypt

_HEADING = ("SERVICE", "PARTNER", "STATE", "FREE", "IN USE", "HELD", "MADE", "WHY")


@click.group()
def channel() -> None:
    """Open, list, watch, stop, start and close channels."""


@channel.command("open")
@click.argument("service")
@click.argument("partner")
@click.argument("peer")
@reach_options
def open_channel(
    *, service: str, partner: str, peer: str, client: DynamiCrypt, as_json: bool
) -> None:
    """Open a channel from SERVICE to PARTNER at the node PEER, and keep it open.

    PEER is a name or a fingerprint of `peer list`, or this node's own fingerprint. Keys come once
    the partner's side has opened the channel, too; `channel wait` waits for them.
    """
    existed = any(each.partner == partner for each in client.channels(service))
    state = client.open_channel(service, partner, peer=peer).state()
    name = f"{service}/{partner}"
    text = f"{name} is open already" if existed else f"opened {name}"
    result(as_json=as_json, data=asdict(state) | {"created": not existed}, text=text)


@channel.command()
@click.argument("service")
@click.argument("partner")
@reach_options
def wait(*, service: str, partner: str, client: DynamiCrypt, as_json: bool) -> None:
    """Wait until a channel has a key; the exit status is 4 if none came in time.

    Where no key is to come, as with a channel that is stopped, it ends at once and says so.
    """
    state = client.channel(service, partner).wait()
    if not state.ready:
        raise state.absence
    _describe(client, state, as_json=as_json)


@channel.command("list")
@click.argument("service", required=False)
@reach_options
def list_channels(*, service: str | None, client: DynamiCrypt, as_json: bool) -> None:
    """Print the channels of SERVICE, or of all services of this caller."""
    states = channels_of(client, service)
    data = [asdict(state) for state in states]
    result(as_json=as_json, data=data, text=channel_table(states))


@channel.command()
@click.argument("service")
@click.argument("partner")
@reach_options
def show(*, service: str, partner: str, client: DynamiCrypt, as_json: bool) -> None:
    """Print one channel, with its machines."""
    _describe(client, client.channel(service, partner).state(), as_json=as_json)


@channel.command()
@click.argument("service")
@click.argument("partner")
@reach_options
def stop(*, service: str, partner: str, client: DynamiCrypt, as_json: bool) -> None:
    """Let the machines of a channel rest; keys that are ready stay usable until they expire."""
    state = client.channel(service, partner).stop()
    result(as_json=as_json, data=asdict(state), text=f"stopped {service}/{partner}")


@channel.command()
@click.argument("service")
@click.argument("partner")
@reach_options
def start(*, service: str, partner: str, client: DynamiCrypt, as_json: bool) -> None:
    """Let the machines of a channel synchronise again."""
    state = client.channel(service, partner).start()
    result(as_json=as_json, data=asdict(state), text=f"started {service}/{partner}")


@channel.command()
@click.argument("service")
@click.argument("partner")
@reach_options
def close(*, service: str, partner: str, client: DynamiCrypt, as_json: bool) -> None:
    """Close a channel on this side, and erase its keys."""
    client.channel(service, partner).close()
    data = {"service": service, "partner": partner}
    result(as_json=as_json, data=data, text=f"closed {service}/{partner}")


def channels_of(client: DynamiCrypt, service: str | None = None) -> list[ChannelState]:
    """The channels of a service, or of all services of the caller."""
    names = client.services() if service is None else [service]
    return [state for name in names for state in client.channels(name)]


def channel_table(states: Sequence[ChannelState]) -> str:
    """Channels for people, one a line."""
    rows = [
        (
            state.service,
            state.partner,
            state.state,
            str(state.keys.free),
            str(state.keys.in_use),
            str(state.keys.held),
            str(state.keys_made),
            state.reason or "-",
        )
        for state in states
    ]
    return table([_HEADING, *rows]) if rows else "no channels"


def _describe(client: DynamiCrypt, state: ChannelState, *, as_json: bool) -> None:
    """Print one channel; its peer by name, too."""
    node = client.status()
    names = {node.fingerprint: "this node"} | {each.fingerprint: each.name for each in node.peers}
    name = names.get(state.peer)
    machines = client.channel(state.service, state.partner).machines()
    data = asdict(state) | {"peer_name": name, "machines": [asdict(each) for each in machines]}
    text = _sheet(state, name or "known no more", len(machines))
    result(as_json=as_json, data=data, text=text)


def _sheet(state: ChannelState, peer_name: str, machines: int) -> str:
    keys = state.keys
    return fields(
        {
            "channel": f"{state.service}/{state.partner}",
            "peer": peer_name,
            "fingerprint": state.peer,
            "state": f"{state.state} ({state.reason})" if state.reason else state.state,
            "profile": state.profile,
            "keys free": keys.free,
            "keys offered": keys.offered,
            "keys in use": keys.in_use,
            "keys held": keys.held,
            "keys made": state.keys_made,
            "rounds": state.rounds,
            "machines": machines,
        }
    )
