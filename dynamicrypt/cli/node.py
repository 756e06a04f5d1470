"""`dynamicrypt init`, `fingerprint` and `status`: this node as its state directory has it."""

from __future__ import annotations

from pathlib import Path

import click

from dynamicrypt.cli.place import place_options
from dynamicrypt.cli.speech import fields, result, talk
from dynamicrypt.peer import identity
from dynamicrypt.peer.errors import IdentityExistsError
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.peers import PeersFile
from dynamicrypt.peer.statedir import StateDirectory


@click.command()
@place_options
def init(*, state_dir: Path, as_json: bool) -> None:
    """Make the node's identity, if it has none, and print its fingerprint."""
    directory = StateDirectory(state_dir, create=True)
    try:
        own, created = identity.create(directory), True
    except IdentityExistsError:
        own, created = identity.load(directory), False
        talk(f"{directory.path} has an identity already; it was left as it is")
    shown = show(own.fingerprint)
    data = {"state_directory": str(directory.path), "fingerprint": shown, "created": created}
    result(as_json=as_json, data=data, text=shown)


@click.command()
@place_options
def fingerprint(*, state_dir: Path, as_json: bool) -> None:
    """Print the node's fingerprint, to be compared or given to `peer add`."""
    own = identity.load(StateDirectory(state_dir))
    shown = show(own.fingerprint)
    result(as_json=as_json, data={"fingerprint": shown, "hex": own.fingerprint.hex()}, text=shown)


@click.command()
@place_options
def status(*, state_dir: Path, as_json: bool) -> None:
    """Print what the state directory says of this node; the daemon is not asked."""
    directory = StateDirectory(state_dir)
    own = identity.load(directory)
    data = {
        "state_directory": str(directory.path),
        "fingerprint": show(own.fingerprint),
        "peers": len(PeersFile(directory).current()),
    }
    result(as_json=as_json, data=data, text=fields(data))
