"""The one link to each peer: which connection it is, and how it was lost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from dynamicrypt.node.endings import GIVING_WAY, REDUNDANT, SUPERSEDED
from dynamicrypt.node.rivals import stays
from dynamicrypt.peer.link import LinkProtocol
from dynamicrypt.peer.waiters import Waiters
from dynamicrypt.session.link_events import LinkDown, LinkUp


class LinkWatcher(Protocol):
    """Who is told of links; see `node.exchange`."""

    def link_up(self, link: LinkProtocol) -> None:
        """There is a link to this peer now, and no other."""

    def link_down(self, link: LinkProtocol, reason: str) -> None:
        """The link is gone, for this reason."""

    def incarnation_changed(self, fingerprint: bytes) -> None:
        """The peer's process ended, and every key shared with it."""


class LinkTable:
    """The links that are up, by the fingerprint of the peer; one to each, whoever dialled.

    `reconnects` counts those that were lost. `name_of` is what people call a peer.
    """

    _log = Logger()

    def __init__(
        self, seconds: Callable[[], float], name_of: Callable[[bytes], str], watcher: LinkWatcher
    ) -> None:
        self.reconnects: Final[Counter[bytes]] = Counter()
        #: The process that each peer had last, and why its last link went.
        self.incarnations: Final[dict[bytes, bytes]] = {}
        self.losses: Final[dict[bytes, str]] = {}
        self._seconds = seconds
        self._name_of = name_of
        self._watcher = watcher
        self._links: dict[bytes, LinkProtocol] = {}
        self._departures: defaultdict[bytes, Waiters] = defaultdict(Waiters)

    def __iter__(self) -> Iterator[LinkProtocol]:
        return iter(list(self._links.values()))

    def link(self, fingerprint: bytes) -> LinkProtocol | None:
        """The link to a peer, if it is up."""
        return self._links.get(fingerprint)

    def when_down(self, fingerprint: bytes) -> Deferred[None]:
        """Fires when there is no link to a peer, at once where there is none.

        A link that gave way to another is missed at the next `tell_departures` only, and only if
        the other has not come up here by then.
        """
        if fingerprint not in self._links:
            return succeed(None)
        return self._departures[fingerprint].wait()

    def tell_departures(self) -> None:
        """Tell who waits for the end of a link that there is none."""
        for fingerprint in self._departures.keys() - self._links.keys():
            self._departures.pop(fingerprint).release()

    def came_up(self, link: LinkProtocol, event: LinkUp) -> None:
        """A connection is a link now: of two the one goes that both nodes give up."""
        fingerprint = link.fingerprint
        restarted = self.incarnations.get(fingerprint) not in (None, event.incarnation)
        existing = self.link(fingerprint)
        if existing is not None:
            if not restarted and stays(existing, link, self._seconds()):
                link.stop(REDUNDANT)
                return
            existing.stop(SUPERSEDED)
        peer = self._name_of(fingerprint)
        if restarted:
            self._log.info("peer {peer} was restarted", peer=peer)
            self._watcher.incarnation_changed(fingerprint)
        # Not before: if the keys of the process that ended could not be erased, the next link sees
        # to it.
        self.incarnations[fingerprint] = event.incarnation
        self._links[fingerprint] = link
        self._log.info("link up peer={peer} group={group}", peer=peer, group=link.group)
        link.ping()
        self._watcher.link_up(link)

    def went_down(self, link: LinkProtocol, event: LinkDown) -> None:
        """A connection has ended, which may have been the link to its peer."""
        fingerprint = link.fingerprint
        if self.link(fingerprint) is not link:
            return
        del self._links[fingerprint]
        self.losses[fingerprint] = event.reason
        self.reconnects[fingerprint] += 1
        self._log.info(
            "link down peer={peer}: {reason}", peer=self._name_of(fingerprint), reason=event.reason
        )
        self._watcher.link_down(link, event.reason)
        if event.reason not in GIVING_WAY and fingerprint in self._departures:
            self._departures.pop(fingerprint).release()
