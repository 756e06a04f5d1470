"""`dynamicrypt service`: the names under which this caller's applications talk."""

from __future__ import annotations

import click

from dynamicrypt.cli.reach import reach_options
from dynamicrypt.cli.speech import result
from dynamicrypt.client import DynamiCrypt


@click.group()
def service() -> None:
    """Add, list and remove services. They belong to the token that adds them."""


@service.command()
@click.argument("name")
@reach_options
def add(*, name: str, client: DynamiCrypt, as_json: bool) -> None:
    """Add the service NAME; one that this caller has already is left as it is."""
    client.create_service(name)
    result(as_json=as_json, data={"name": name}, text=f"added {name}")


@service.command("list")
@reach_options
def list_services(*, client: DynamiCrypt, as_json: bool) -> None:
    """Print the names of this caller's services."""
    names = client.services()
    result(as_json=as_json, data=names, text="\n".join(names) or "no services")


@service.command()
@click.argument("name")
@reach_options
def remove(*, name: str, client: DynamiCrypt, as_json: bool) -> None:
    """Remove the service NAME, its channels and their keys."""
    client.remove_service(name)
    result(as_json=as_json, data={"name": name}, text=f"removed {name}")
