"""The two wires of a node: what partners are told of each, and calls over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as NoAnswerError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from dynamicrypt.errors import ParameterError, SynchronisationError
from dynamicrypt.node.service import Service
from dynamicrypt.peer.sparse_log import SparseLog

#: A caller of `synchronise` has an answer within this time (s).
SYNC_TIMEOUT: Final = 5.0
#: Longest text of a caller in the log; host names are shorter.
_LONGEST: Final = 300


class Wire(Protocol):
    """One of them; see `node.thesis` and `node.exchange`."""

    async def synchronise(self, service: Service, address: str, port: int) -> None:
        """Reach the partner of the service at this place, and keep the channel open."""


class Wires:
    """The wires by their numbers.

    `advertised` is what partners are told of each: an address and a port, the latter 0 for a wire
    that has none. `default` is that of callers who name none.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        wires: Mapping[int, Wire],
        *,
        advertised: Mapping[int, tuple[str, int]],
        default: int,
    ) -> None:
        self._clock = clock
        # The port of the API may be open to every program, and then their number is theirs.
        self._failures = SparseLog(self._log, clock)
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
        """The address and port at which partners reach this node over the wire.

        Raises ParameterError for a wire that has none.
        """
        address, port = self._advertised[wire]
        if port == 0:
            raise ParameterError(f"wire {wire} has no port on this node")
        return address, port

    async def synchronise(self, service: Service, address: str, port: int) -> None:
        """Call the service's partner over its wire; returns once it has accepted.

        Raises SynchronisationError where it is known to have failed, within SYNC_TIMEOUT.
        """
        call = self._wires[service.wire].synchronise(service, address, port)
        attempt = Deferred.fromCoroutine(call)
        attempt.addTimeout(SYNC_TIMEOUT, self._clock)
        try:
            await attempt
        except CancelledError:
            self.fail(service, address, port, "given up: the caller left, or the node ends")
        except NoAnswerError:
            self.fail(service, address, port, "no answer in time")
        except Exception as error:
            self.fail(service, address, port, str(error) or type(error).__name__)
        finally:
            # This turn of the reactor may be inside an event of the link, which is not done with
            # it; the caller goes on in one of its own.
            await deferLater(self._clock, 0)

    def fail(self, service: Service, address: str, port: int, reason: str) -> NoReturn:
        """Log that a call of the service's partner failed, and raise SynchronisationError."""
        self._failures.info(
            "sync failed channel={service}/{partner} wire={wire} with {address} port {port}:"
            " {reason}",
            service=service.name,
            partner=service.partner,
            wire=service.wire,
            address=_brief(address),
            port=port,
            reason=_brief(reason),
        )
        raise SynchronisationError(reason) from None


def _brief(text: str) -> str:
    """What the caller said, as much as a line of the log bears."""
    return text[:_LONGEST].encode(errors="backslashreplace").decode()
