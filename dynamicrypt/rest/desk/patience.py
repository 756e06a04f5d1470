"""Waiting for keys, for callers who say how long."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import TimeoutError as Elapsed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from dynamicrypt.errors import NoKeyComesError, NoKeyYetError, StoppingError, UnknownChannelError
from dynamicrypt.node.channel import LinkChannel

T = TypeVar("T")


def may_come(error: object) -> bool:
    """Whether this says that a key was missing that is worth waiting for."""
    return isinstance(error, NoKeyYetError) and not isinstance(error, NoKeyComesError)


class Patience:
    """How long one caller would wait, from now on."""

    def __init__(self, reactor: IReactorTime, wait: float) -> None:
        self._reactor = reactor
        self._deadline = reactor.seconds() + wait

    async def get(self, channel: LinkChannel, needed: int, attempt: Callable[[], T]) -> T:
        """What `attempt` returns, as soon as `needed` keys are ready for it.

        Another caller may take them first: then it waits on. Raises NoKeyYetError when the time is
        over, NoKeyComesError at once, and UnknownChannelError or StoppingError when the
        channel closes.
        """
        while True:
            try:
                return attempt()
            except NoKeyYetError as error:
                if not may_come(error):
                    raise
            if not await self.has_keys(channel, needed):
                # Why there is none may have changed meanwhile.
                return attempt()

    async def has_keys(self, channel: LinkChannel, needed: int) -> bool:
        """Whether so many keys are ready before the time is over; returns then.

        Also once no key is to come. Raises UnknownChannelError or StoppingError when the channel
        closes.
        """
        left = self._deadline - self._reactor.seconds()
        if left <= 0:
            return False
        try:
            await channel.when_ready(needed).addTimeout(left, self._reactor)
        except Elapsed:
            return False
        except (StoppingError, UnknownChannelError):
            # Whoever closes the channel is not done with it.
            await deferLater(self._reactor, 0)
            raise
        except NoKeyComesError:
            await deferLater(self._reactor, 0)
            return False
        return True
