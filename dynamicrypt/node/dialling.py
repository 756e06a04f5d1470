"""Whom a node calls: the addresses that it dials until nobody here needs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from dynamicrypt.errors import SynchronisationError
from dynamicrypt.node.endings import GIVING_WAY, REDUNDANT
from dynamicrypt.peer.dialler import Connection, Dialler
from dynamicrypt.peer.link import LinkProtocol
from dynamicrypt.peer.peers import Address


class Network(Protocol):
    """The links that there are, and the way to new ones; see `node.links`."""

    def link(self, fingerprint: bytes) -> LinkProtocol | None:
        """The link to a peer, if it is up."""

    def when_down(self, fingerprint: bytes) -> Deferred[None]:
        """Fires when there is no link to a peer, at once where there is none."""

    async def connect(self, address: Address, fingerprint: bytes | None) -> LinkProtocol:
        """A connection to a known peer at this address, to none but the one that is given."""


@dataclass(slots=True, eq=False)
class Target:
    """An address that is dialled, and who is expected or was found there."""

    address: Address
    fingerprint: bytes | None
    dialler: Dialler = field(init=False)
    #: Dialled until it is given up, whatever becomes of an attempt.
    kept: bool = False
    #: The address is the one by which the peer is known, not one that a caller named.
    known: bool = False
    #: How many wait for the first attempt.
    callers: int = 0


class Dialling:
    """All that a node dials. Of several targets with one peer behind them one goes on."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, network: Network) -> None:
        self._clock = clock
        self._network = network
        self._targets: list[Target] = []

    def calls(self, fingerprint: bytes) -> bool:
        """Whether this peer is dialled, or will be when its link is lost."""
        return any(self._of(fingerprint))

    def failure(self, fingerprint: bytes) -> Exception | None:
        """Why this peer was dialled in vain the last time; None if an attempt is under way."""
        failures = (target.dialler.failure for target in self._of(fingerprint))
        return next((each for each in failures if each is not None), None)

    async def reach(self, address: Address) -> LinkProtocol:
        """The link to whoever is at this address; the address is kept from then on.

        Raises what kept the first attempt from success; then it is given up, unless others need it.
        A caller may stop waiting without harm to others.
        """
        target = self._begun(address) or self._begin(address, None)
        error: Exception | None = None
        target.callers += 1
        try:
            await target.dialler.when_tried()
        except Exception as failure:
            error = failure
        finally:
            target.callers -= 1
        reached = self._network.link(target.fingerprint or b"")
        if reached is None:
            if not (target.kept or target.callers):
                self._give_up(target)
            raise error or SynchronisationError("the link was lost at once")
        target.kept = True
        self._leave_one(reached, target)
        return reached

    def keep(self, address: Address, fingerprint: bytes, *, known: bool) -> None:
        """Dial this peer at this address, whenever there is no link to it.

        `known` says that it is the one that the peer is known by: an address that it was known by
        before is dialled no more; those that callers named are.
        """
        for target in self._of(fingerprint):
            if target.address != address and target.known and known:
                self._give_up(target, keep=True)
        for target in self._of(fingerprint):
            if target.address == address:
                target.known = target.known and known
                return
        self._begin(address, fingerprint, kept=True, known=known)

    def forget(self, fingerprint: bytes) -> None:
        """Dial this peer no more where it was known to be."""
        for target in self._of(fingerprint):
            if target.known:
                self._give_up(target)

    def release(self, fingerprint: bytes) -> None:
        """Dial this peer no more; a link that is up stays."""
        for target in self._of(fingerprint):
            self._give_up(target, keep=True)

    def stop(self) -> None:
        """Dial nobody any more, and end the links that came of it."""
        for target in list(self._targets):
            self._give_up(target)

    def _of(self, fingerprint: bytes) -> list[Target]:
        return [target for target in self._targets if target.fingerprint == fingerprint]

    def _begun(self, address: Address) -> Target | None:
        """Where the first attempt at whoever is at this address is under way."""
        for target in self._targets:
            if (target.address, target.fingerprint) == (address, None) and not target.dialler.tried:
                return target
        return None

    def _begin(
        self,
        address: Address,
        fingerprint: bytes | None,
        *,
        kept: bool = False,
        known: bool = False,
    ) -> Target:
        target = Target(address, fingerprint, kept=kept, known=known)
        target.dialler = Dialler(
            lambda: cast("Deferred[Connection]", Deferred.fromCoroutine(self._dial(target))),
            partial(self._failed, target),
            self._clock,
        )
        self._targets.append(target)
        target.dialler.start()
        return target

    async def _dial(self, target: Target) -> LinkProtocol:
        """A connection to the target, once there is no link to it."""
        if target.fingerprint is not None:
            await self._network.when_down(target.fingerprint)
        link = await self._network.connect(target.address, target.fingerprint)
        target.fingerprint = link.fingerprint
        if self._network.link(link.fingerprint) is not None:
            link.stop(REDUNDANT)
        return link

    def _failed(self, target: Target, error: Exception) -> None:
        """Log it, unless a caller is told, who may call as often as he likes."""
        if target.kept and str(error) not in GIVING_WAY:
            self._log.info(
                "not reached address={address}: {error}", address=target.address, error=error
            )

    def _leave_one(self, link: LinkProtocol, newest: Target) -> None:
        """Of all that dial this peer the one that made the link goes on, else the newest."""
        rivals = self._of(link.fingerprint)
        best = next((each for each in rivals if each.dialler.connection is link), newest)
        best.kept = True
        for rival in rivals:
            if rival is not best:
                self._give_up(rival)

    def _give_up(self, target: Target, *, keep: bool = False) -> None:
        """Stop dialling; a link that came of it goes too, unless it is to `keep`."""
        if target in self._targets:
            self._targets.remove(target)
            target.dialler.stop(keep=keep)
