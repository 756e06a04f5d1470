"""The two wires of a node: what partners are told of each, and calls over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from dynamicrypt.errors import ParameterError, SynchronisationError
from dynamicrypt.node.service import Service

#: A caller of `synchronise` has an answer within this time (s).
SYNC_TIMEOUT: Final = 5.0


class Wire(Protocol):
    """One of them; see `node.thesis` and `node.exchange`."""

    async def synchronise(self, service: Service, address: str, port: int) -> None:
        """Reach the partner of the service at this place, and keep the channel open."""


class Wires:
    """The wires by their numbers.

    `advertised` is what partners are told of each: an address and a port, the latter 0 for a wire
    that has none. `default` is that of callers who name none.
    """

    def __init__(
        self,
        clock: IReactorTime,
        wires: Mapping[int, Wire],
        *,
        advertised: Mapping[int, tuple[str, int]],
        default: int,
    ) -> None:
        self._clock = clock
        self._wires = wires
        self._advertised = advertised
        self._default = default

    def number(self, wire: int | None) -> int:
        """The number that a caller means. Raises ParameterError for one that no wire has."""
        wire = self._default if wire is None else wire
        if wire not in self._wires:
            raise ParameterError("there are wire 1 and wire 2")
        return wire

    def place(self, wire: int) -> tuple[str, int]:
        """The address and port at which partners reach this node over the wire."""
        return self._advertised[wire]

    async def synchronise(self, service: Service, address: str, port: int) -> None:
        """Call the service's partner over its wire; returns once it has accepted.

        Raises SynchronisationError where it is known to have failed, within SYNC_TIMEOUT.
        """
        call = self._wires[service.wire].synchronise(service, address, port)
        attempt = Deferred.fromCoroutine(call)
        attempt.addTimeout(SYNC_TIMEOUT, self._clock)
        try:
            await attempt
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise SynchronisationError(reason) from None
        finally:
            # This turn of the reactor may be inside an event of the link, which is not done with
            # it; the caller goes on in one of its own.
            await deferLater(self._clock, 0)
