"""The service as an application sees it: its own services and channels, and what happens."""

from __future__ import annotations

import http.client
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

from dynamicrypt.client.answer import read_answer, read_object, read_problem
from dynamicrypt.client.caller import Caller
from dynamicrypt.client.channel import Channel
from dynamicrypt.client.connection import BrokenConnectionError, Connection
from dynamicrypt.client.errors import ServiceUnreachableError, TooManyStreamsError
from dynamicrypt.client.patience import Patience
from dynamicrypt.client.place import Place, find_place
from dynamicrypt.client.request import Request, channel_path, json_body, segment, service_path
from dynamicrypt.client.shapes import (
    ChannelState,
    Event,
    NodeState,
    OwnedService,
    OwnedServices,
    ServiceState,
)
from dynamicrypt.client.sse import EventParser, RawEvent

#: Seconds of silence after which a stream of events is taken for dead; it has a heartbeat of 15 s.
_SILENCE: Final = 40.0
#: Bytes that are read from it at once.
_PART: Final = 65_536


class DynamiCrypt:
    """The DynamiCrypt service of this machine.

    Where it is and by which token it knows the caller is said by the arguments, else by
    DYNAMICRYPT_URL or DYNAMICRYPT_SOCKET and DYNAMICRYPT_TOKEN, else by the state directory.

    A call that the service cannot carry out at once, because a key is missing, the partner's node
    is away or too much was asked, is repeated for `patience` seconds. `timeout` is how long the
    service may take to answer, beyond that. Several threads may use one client. Everything raises
    ClientError; nothing wipes what it returns, for Python cannot.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        socket: str | None = None,
        *,
        state_dir: Path | None = None,
        patience: float = 10.0,
        timeout: float = 10.0,
    ) -> None:
        def find() -> Place:
            return find_place(os.environ, url=url, token=token, socket=socket, state_dir=state_dir)

        def new_patience(seconds: float | None) -> Patience:
            return Patience(
                patience if seconds is None else seconds,
                clock=time.monotonic,
                sleep=time.sleep,
                chance=random.random,
            )

        self._caller = Caller(find, timeout=timeout, patience=new_patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the next call opens one again."""
        self._caller.close()

    def status(self) -> NodeState:
        """The node, and the nodes that it knows."""
        return read_answer(NodeState, self._call("GET", "/v2/status"))

    def services(self) -> list[str]:
        """The names of the caller's services."""
        return list(read_answer(_Names, self._call("GET", "/v2/services")).services)

    def all_services(self) -> list[OwnedService]:
        """The services of the whole node, whoever made them; for administrators."""
        body = self._call("GET", "/v2/node/services")
        return list(read_answer(OwnedServices, body).services)

    def service(self, name: str) -> ServiceState:
        """A service of the caller, with its channels."""
        return read_answer(ServiceState, self._call("GET", service_path(name)))

    def create_service(self, name: str) -> ServiceState:
        """Create a service, or find that the caller has it."""
        return read_answer(ServiceState, self._call("PUT", service_path(name)))

    def remove_service(self, name: str, *, any_owner: bool = False) -> None:
        """Remove a service, its channels and their keys.

        With `any_owner`, for administrators, one of anybody.
        """
        path = f"/v2/node/services/{segment(name)}" if any_owner else service_path(name)
        self._call("DELETE", path)

    def channel(self, service: str, partner: str) -> Channel:
        """The channel of a service to its partner; the service is not asked whether it is open."""
        return Channel(self._caller, service, partner)

    def open_channel(self, service: str, partner: str, *, peer: str) -> Channel:
        """Open a channel to a partner at a known node, by that node's name or fingerprint.

        It stays open, over restarts too. Keys come once the partner's side has opened it as well.
        """
        self._call("PUT", channel_path(service, partner), json_body({"peer": peer}))
        return self.channel(service, partner)

    def channels(self, service: str) -> list[ChannelState]:
        """The channels of a service."""
        return list(self.service(service).channels)

    def events(self, *, after: str | None = None) -> Iterator[Event]:
        """What happens from now on, or after the event with that id, for ever.

        A connection that breaks is made again and continues where it broke. An event `gap` says
        that some were lost. Close the iterator to leave early; raises ClientError if the service
        stays away for longer than the client's patience.
        """
        parser = EventParser(after or "")
        patience: Patience | None = None
        while True:
            try:
                with self._caller.connect() as connection:
                    for happened in _listen(connection, parser):
                        patience = None
                        yield from happened
            except (ServiceUnreachableError, TooManyStreamsError):
                patience = patience or self._caller.new_patience()
                if not patience.pause(parser.retry / 1000):
                    raise
            parser = EventParser(parser.last_id)

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        return self._caller.call(Request(method=method, path=path, body=body))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    services: tuple[str, ...]


def _listen(connection: Connection, parser: EventParser) -> Iterator[list[Event]]:
    """The events of each part that arrives; raises ServiceUnreachableError at the end, if any."""
    headers = {"Last-Event-ID": parser.last_id} if parser.last_id else {}
    request = Request(method="GET", path="/v2/events")
    response = connection.open(request, headers, silence=_SILENCE)
    try:
        if response.status != HTTPStatus.OK:
            raise read_problem(response.status, response.read())
        while part := response.read1(_PART):
            yield [_event(raw) for raw in parser.feed(part)]
    except (OSError, http.client.HTTPException):
        pass  # however it ended, it is taken up again
    raise BrokenConnectionError("the stream of events ended")


def _event(raw: RawEvent) -> Event:
    return Event(id=raw.id, kind=raw.kind, data=read_object(raw.data.encode()))
