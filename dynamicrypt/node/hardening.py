"""What a process that holds secrets does about its own memory, and what it says about it.

SecretMemory protects what lies in it. This is for the rest: no core dumps and no debuggers, and
freed bytes and strings are overwritten, because CPython's libraries hand secrets out as immutable
objects. Neither is kept up against root.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Final

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from dynamicrypt._core import forbid_dumps, weakest_protection, wipe_freed
from dynamicrypt.params import Profile
from dynamicrypt.tpm.machine import new_bank

#: How often (s) the protection of new memory is looked at.
PERIOD: Final = 5.0

_MEANING: Final = {
    "secret": "not in swap or dumps, unreadable even for root",
    "locked": "not in swap or dumps",
    "plain": "not in dumps",
}


def harden() -> None:
    """Harden this process; to be called before it holds any secret."""
    wipe_freed()
    forbid_dumps()


class MemoryWatch(Service):
    """Says in the log what protection secrets have, and warns, once, when it is not enough.

    Locked memory is limited (RLIMIT_MEMLOCK), so a node whose first channels are protected may
    have later ones that are not: they work, unlocked. To be started first.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        profile: Profile,
        weakest: Callable[[], str] = weakest_protection,
    ) -> None:
        self._profile = profile
        self._weakest = weakest
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def startService(self) -> None:
        """Try the memory of a channel, in the process and under the user that it will be for."""
        super().startService()
        # twistd has changed the user by now where it was told to, which allows dumps again.
        forbid_dumps()
        exchange = self._profile.exchange
        bank = new_bank(exchange.machine, machines=exchange.machines, package=exchange.package)
        self._log.info(
            "secrets are in memory protection={protection} ({meaning}) limit={limit}",
            protection=bank.protection,
            meaning=_MEANING[bank.protection],
            limit=_limit(),
        )
        bank.wipe()
        self._looking.start(PERIOD).addErrback(
            lambda failure: self._log.failure("the watch over memory stopped", failure)
        )

    def stopService(self) -> None:
        """Look no more."""
        super().stopService()
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        if self._weakest() == "plain":
            self._looking.stop()
            self._log.warn(
                "warning: not all secrets are in locked memory; the rest may be swapped to disk"
                " limit={limit}: raise it (LimitMEMLOCK= in the unit, or ulimit -l) and restart",
                limit=_limit(),
            )


def _limit() -> str:
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return "none" if limit == resource.RLIM_INFINITY else f"{limit // 1024}kB"
