"""`dynamicrypt key`: keys for applications that do their own encryption."""

from __future__ import annotations

from collections.abc import Mapping

import click

from dynamicrypt.cli.reach import reach_options
from dynamicrypt.cli.speech import fields, result
from dynamicrypt.client import DeliveredKey, DynamiCrypt
from dynamicrypt.client.request import to_base64


@click.group()
def key() -> None:
    """Take keys: 32 bytes each, printed in base64, once on each side."""


@key.command("next")
@click.argument("service")
@click.argument("partner")
@reach_options
def next_key(*, service: str, partner: str, client: DynamiCrypt, as_json: bool) -> None:
    """Take a fresh key, and its id for the partner."""
    taken = client.channel(service, partner).next_key()
    _show(taken, {"expires_in_seconds": taken.expires_in_seconds}, as_json=as_json)


@key.command()
@click.argument("service")
@click.argument("partner")
@click.argument("key_id", metavar="ID")
@reach_options
def get(*, service: str, partner: str, key_id: str, client: DynamiCrypt, as_json: bool) -> None:
    """Take the key that the partner took, by its ID."""
    _show(client.channel(service, partner).key(key_id), {}, as_json=as_json)


def _show(taken: DeliveredKey, beside: Mapping[str, int | None], *, as_json: bool) -> None:
    data = {"key_id": taken.key_id, "key": to_base64(taken.key)}
    result(as_json=as_json, data={**data, **beside}, text=fields(data))
