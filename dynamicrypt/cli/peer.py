"""`dynamicrypt peer`: the nodes that this one trusts. A running daemon sees changes at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from dynamicrypt.cli.place import peers_of, place_options
from dynamicrypt.cli.speech import result, table
from dynamicrypt.peer import identity
from dynamicrypt.peer.errors import NoIdentityError, PeerEntryError
from dynamicrypt.peer.fingerprint import read, show
from dynamicrypt.peer.peers import Address, KnownPeers, Peer
from dynamicrypt.peer.peers_file import PeersFile, describe
from dynamicrypt.peer.statedir import StateDirectory


@click.group()
def peer() -> None:
    """Add, list, change and remove the nodes that this one trusts."""


@peer.command()
@click.argument("name")
@click.argument("fingerprint")
@click.argument("address", required=False, metavar="[HOST:PORT]")
@click.option(
    "--allow-classical",
    is_flag=True,
    help="Link even without the post-quantum key exchange; recorded links can then be read later.",
)
@place_options
def add(
    *,
    name: str,
    fingerprint: str,
    address: str | None,
    allow_classical: bool,
    state_dir: Path,
    as_json: bool,
) -> None:
    """Trust the owner of FINGERPRINT, under a NAME of your choice.

    FINGERPRINT is what `dynamicrypt fingerprint` prints on the other host; compare it over a way
    that an attacker does not control. Without an address this node waits to be dialled.
    """
    added = Peer(
        name=name,
        fingerprint=read(fingerprint),
        address=None if address is None else Address.parse(address),
        allow_classical=allow_classical,
    )
    directory = StateDirectory(state_dir, create=True)
    _refuse_own(directory, added.fingerprint)
    PeersFile(directory).update(lambda known: known.with_peer(added))
    result(as_json=as_json, data=describe(added), text=f"added {name}")


@peer.command("list")
@place_options
def list_peers(*, state_dir: Path, as_json: bool) -> None:
    """Print the known peers, sorted by name."""
    known = sorted(peers_of(state_dir).current(), key=lambda entry: entry.name)
    heading = ("NAME", "ADDRESS", "CLASSICAL", "FINGERPRINT")
    rows = [
        (
            entry.name,
            str(entry.address or "-"),
            "allowed" if entry.allow_classical else "refused",
            show(entry.fingerprint),
        )
        for entry in known
    ]
    text = table([heading, *rows]) if rows else "no peers"
    result(as_json=as_json, data=[describe(entry) for entry in known], text=text)


@peer.command()
@click.argument("name")
@place_options
def remove(*, name: str, state_dir: Path, as_json: bool) -> None:
    """Trust the peer NAME no longer."""
    file = peers_of(state_dir)
    gone = file.current().named(name)
    file.update(lambda known: known.without(name))
    result(as_json=as_json, data=describe(gone), text=f"removed {name}")


@peer.command("set")
@click.argument("name")
@click.option("--name", "new_name", help="Call it by another name.")
@click.option("--address", metavar="HOST:PORT", help="Where it can be dialled.")
@click.option("--no-address", is_flag=True, help="It dials us, and is not dialled.")
@click.option(
    "--allow-classical/--refuse-classical",
    default=None,
    help="Whether to link without the post-quantum key exchange.",
)
@place_options
def set_peer(
    *,
    name: str,
    new_name: str | None,
    address: str | None,
    no_address: bool,
    allow_classical: bool | None,
    state_dir: Path,
    as_json: bool,
) -> None:
    """Change what is known of the peer NAME; its fingerprint stays."""
    if address is not None and no_address:
        raise click.UsageError("--address and --no-address exclude each other")
    changes: dict[str, Any] = {}
    if new_name is not None:
        changes["name"] = new_name
    if address is not None or no_address:
        changes["address"] = None if address is None else Address.parse(address)
    if allow_classical is not None:
        changes["allow_classical"] = allow_classical
    if not changes:
        raise click.UsageError("say what to change")

    def change(known: KnownPeers) -> KnownPeers:
        return known.without(name).with_peer(replace(known.named(name), **changes))

    known = peers_of(state_dir).update(change)
    changed = known.named(new_name or name)
    result(as_json=as_json, data=describe(changed), text=f"changed {changed.name}")


def _refuse_own(directory: StateDirectory, fingerprint: bytes) -> None:
    try:
        own = identity.load(directory).fingerprint
    except NoIdentityError:
        return
    if fingerprint == own:
        raise PeerEntryError("this is the fingerprint of this node itself")
