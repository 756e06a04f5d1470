"""`dynamicrypt service`: the names under which this caller's applications talk."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import click

from dynamicrypt.cli.reach import reach_options
from dynamicrypt.cli.speech import result, table
from dynamicrypt.client import DynamiCrypt, OwnedService

_HEADING: Final = ("SERVICE", "OWNER", "CHANNELS")


@click.group()
def service() -> None:
    """Add, list and remove services. They belong to the token that adds them."""


@service.command()
@click.argument("name")
@reach_options
def add(*, name: str, client: DynamiCrypt, as_json: bool) -> None:
    """Add the service NAME; one that this caller has already is left as it is."""
    existed = name in client.services()
    client.create_service(name)
    text = f"{name} exists already; it was left as it is" if existed else f"added {name}"
    result(as_json=as_json, data={"name": name, "created": not existed}, text=text)


@service.command("list")
@click.option("--any-owner", is_flag=True, help="Those of the whole node, for administrators.")
@reach_options
def list_services(*, any_owner: bool, client: DynamiCrypt, as_json: bool) -> None:
    """Print the names of this caller's services."""
    if any_owner:
        _list_all(client.all_services(), as_json=as_json)
        return
    names = client.services()
    result(as_json=as_json, data=names, text="\n".join(names) or "no services")


@service.command()
@click.argument("name")
@click.option("--any-owner", is_flag=True, help="Whoever added it, for administrators.")
@reach_options
def remove(*, name: str, any_owner: bool, client: DynamiCrypt, as_json: bool) -> None:
    """Remove the service NAME, its channels and their keys."""
    client.remove_service(name, any_owner=any_owner)
    result(as_json=as_json, data={"name": name}, text=f"removed {name}")


def _list_all(services: list[OwnedService], *, as_json: bool) -> None:
    rows = [
        (each.name, each.owner, ", ".join(f"{it.partner} ({it.state})" for it in each.channels))
        for each in services
    ]
    text = table([_HEADING, *rows]) if rows else "no services"
    result(as_json=as_json, data=[asdict(each) for each in services], text=text)
