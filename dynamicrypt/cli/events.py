"""`dynamicrypt events`: what happens on the node, as it happens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice

import click

from dynamicrypt.cli.reach import reach_options
from dynamicrypt.cli.speech import result
from dynamicrypt.client import DynamiCrypt


@click.command()
@click.option("--after", metavar="ID", help="Go on after the event with this id.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@reach_options
def events(*, after: str | None, count: int | None, client: DynamiCrypt, as_json: bool) -> None:
    """Print events as they happen, one a line, until interrupted.

    An event `gap` says that some before it were lost. A node that goes away is waited for.
    """
    for event in islice(client.events(after=after), count):
        data = {"id": event.id, "event": event.kind, "data": dict(event.data)}
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        result(as_json=as_json, data=data, text=f"{now}  {event.kind:12}  {_about(event.data)}")


def _about(data: Mapping[str, object]) -> str:
    """Whom an event concerns, a channel or a peer, and why it happened."""
    whom = "/".join(str(value) for name, value in data.items() if name != "reason")
    return f"{whom}: {data['reason']}" if data.get("reason") else whom
