"""`dynamicrypt init` and `fingerprint`: the identity of this node."""

from __future__ import annotations

from pathlib import Path

import click

from dynamicrypt.cli.place import place_options
from dynamicrypt.cli.speech import result, talk
from dynamicrypt.peer import identity
from dynamicrypt.peer.errors import IdentityExistsError
from dynamicrypt.peer.fingerprint import show
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
