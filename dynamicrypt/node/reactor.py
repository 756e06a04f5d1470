"""The reactor, as the node knows it."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorPluggableNameResolver, IReactorTime


class Reactor(IReactorTime, IReactorPluggableNameResolver):
    """What the node needs of a reactor."""
