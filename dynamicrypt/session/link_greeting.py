"""The hellos of a link: what this process says of itself, and what its partner said."""

from __future__ import annotations

from dynamicrypt.errors import ProtocolStateError, RemoteError
from dynamicrypt.session.link_events import LinkEvent, LinkUp, PeerIncarnationChanged
from dynamicrypt.wire import link as wire
from dynamicrypt.wire.link_messages import Hello


class IncarnationError(RemoteError):
    """The partner says it is this very process. Check the fingerprints of both nodes."""


class Greeting:
    """Both hellos. `known_incarnation` is the one that the partner had last, if any.

    Raises ParameterError for a name that no hello can carry.
    """

    def __init__(self, *, name: str, incarnation: bytes, known_incarnation: bytes | None) -> None:
        wire.check_name(name)
        self._name = name
        self._incarnation = incarnation
        self._known_incarnation = known_incarnation
        self._peer: Hello | None = None

    @property
    def newer(self) -> bool:
        """Whether the partner has said that it speaks a newer version than we."""
        return self._peer is not None and self._peer.version > wire.VERSION

    def hello(self, share: bytes) -> Hello:
        """Our own, with our share of epoch 0."""
        return Hello(
            version=wire.VERSION,
            features=("queries",),
            name=self._name,
            incarnation=self._incarnation,
            share=share,
        )

    def take(self, hello: Hello) -> None:
        """Take the partner's. Raises IncarnationError for our own."""
        if hello.incarnation == self._incarnation:
            raise IncarnationError("the incarnation of the partner is our own")
        self._peer = hello

    def events(self) -> list[LinkEvent]:
        """What the node is told when the link is up."""
        peer = self._peer
        if peer is None:
            raise ProtocolStateError("no hello was taken")
        up = LinkUp(
            name=peer.name,
            incarnation=peer.incarnation,
            version=peer.version,
            features=peer.features,
        )
        if self._known_incarnation in {None, peer.incarnation}:
            return [up]
        return [PeerIncarnationChanged(incarnation=peer.incarnation), up]
