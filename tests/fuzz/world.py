"""A node with services, channels and keys, and its REST interface, in memory.

Nothing in it is random but the pieces of mode 4, so an input does the same every time. The node
knows one other, `there`, that is never up: its end of each channel is held by hand.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogPublisher,
)
from zope.interface import implementer

from dynamicrypt.access.tokens import Scope, Token, Tokens, digest_of
from dynamicrypt.keys.thesis_store import ThesisKeyStore
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.events import EventLog
from dynamicrypt.node.node import Node
from dynamicrypt.node.thesis import ThesisChannel
from dynamicrypt.params import PROFILES
from dynamicrypt.peer.fingerprint import fingerprint_of
from dynamicrypt.peer.identity import Identity, generate
from dynamicrypt.peer.peers import KnownPeers, Peer
from dynamicrypt.rest.site import make_site
from dynamicrypt.web.fast import FastLane
from dynamicrypt.web.limits import Limits
from dynamicrypt.web.site import BoundedSite
from tests.rest.keys import KeyMaker, make_channel

#: To whom all services belong.
OWNER = "app:owner"
#: What every message says; it stands in no answer but in that to who opens one.
PLAINTEXT = b"attack at dawn"
PLAINTEXT_BASE64 = b64encode(PLAINTEXT)
#: Whose each token is, what it may do, and how often in a second.
_TOKENS: Mapping[str, tuple[str, set[Scope], float | None]] = {
    "up": (OWNER, {Scope.ADMIN}, None),
    "sender": (OWNER, {Scope.ENCRYPT}, None),
    "reader": (OWNER, {Scope.DECRYPT, Scope.KEY_READ, Scope.METRICS}, None),
    "other": ("app:other", {Scope.ADMIN}, None),
    "slow": ("app:slow", {Scope.ADMIN}, 0.5),
}
THERE = Peer(name="there", fingerprint=bytes(32))
CHANNEL = "/v2/services/shop/channels/bank"
#: A body, and with it an input, stays small.
LIMITS = Limits(body=4096, connections=4)
#: Longer than the interface keeps or waits for anything (s).
LONG = 61.0


def token(name: str) -> str:
    """The token of this name, in the form of one."""
    return f"dct_{name:_<43}"


@cache
def identity() -> Identity:
    """The same in every run: channels are bound to fingerprints."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    made = generate()
    return Identity(
        key=key, certificate=made.certificate, fingerprint=fingerprint_of(key.public_key())
    )


@implementer(IHostnameResolver)
class _NoNames:
    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        resolutionReceiver.resolutionComplete()
        return resolution


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """It is over already."""


@implementer(IReactorPluggableNameResolver)
class Nowhere(MemoryReactorClock):
    """A reactor from which nobody is reached."""

    nameResolver = _NoNames()  # noqa: N815 - Twisted reads it


class World:
    """The node and what is asked of it.

    `shop` has a channel with `bank` (REST v2), `alice` one with `bob` and `old` one with `friend`
    over wire 1 (REST v1); all belong to OWNER. `fast` says whether there is a fast lane.
    """

    def __init__(self, *, fast: bool = True) -> None:
        self.reactor = Nowhere()
        self.node = Node(
            self.reactor,  # type: ignore[arg-type]  # declared by implementer, which mypy-zope loses
            identity=identity(),
            peers=lambda: KnownPeers((THERE,)),
            name="here",
            profile=PROFILES["fast"],
            advertised={1: ("127.0.0.1", 8001), 2: ("127.0.0.1", 9082)},
        )
        self.node.create_service("shop", owner=OWNER)
        shop = self.node.open_channel("shop", "bank", peer="there", owner=OWNER)
        self.node.register("alice", owner=OWNER)
        self.node.configure("alice", "bob", owner=OWNER)
        alice = self.node.open_channel("alice", "bob", peer="there", owner=OWNER)
        self.bank, self.bob = self._partner(shop), self._partner(alice)
        maker = KeyMaker()
        for own, partner in ((shop, self.bank), (alice, self.bob)):
            maker.give(own, partner, 5)
            maker.give(partner, own, 9)
        self.friend = self._befriend()
        self.site = self._site(fast)
        self._begin = self.state()

    def _partner(self, channel: LinkChannel) -> LinkChannel:
        """The other end of a channel."""
        return make_channel(
            channel.name.partner,
            channel.name.service,
            owner="partner",
            events=EventLog(),
            seconds=self.reactor.seconds,
            ends=(THERE.fingerprint, identity().fingerprint),
        )

    def _befriend(self) -> ThesisKeyStore:
        """Give `old` its channel; the keys of the other end."""
        self.node.register("old", owner=OWNER, wire=1)
        self.node.configure("old", "friend", owner=OWNER)
        channel = ThesisChannel(service="old", partner="friend", clock=self.reactor)
        friend = ThesisKeyStore()
        for store, dials in ((channel.store, True), (friend, False)):
            store.new_connection(dialler=dials)
            for number in range(4):
                store.hold(number, b"%d" % (number + 4) * 72)
                store.confirm(number)
        self.node._services.owned("old", OWNER).channels["friend"] = channel
        return friend

    def _site(self, fast: bool) -> BoundedSite:
        tokens = [
            Token(
                id=whose,
                digest=digest_of(token(name).encode()),
                scopes=frozenset(scopes),
                rate=rate,
            )
            for name, (whose, scopes, rate) in _TOKENS.items()
        ]
        site = make_site(
            self.node, tokens=Tokens(tokens), open_v1=False, reactor=self.reactor, limits=LIMITS
        )
        if not fast:
            site.fast = FastLane(lambda path: None, body=LIMITS.body)
        return site

    def state(self) -> object:
        """What a request that is refused must leave as it was; equal where it is."""
        return [
            (
                service.name,
                service.owner,
                service.wire,
                service.partner,
                [(partner, *_state(channel)) for partner, channel in service.channels.items()],
            )
            for service in self.node._services
        ]

    def debts(self) -> dict[str, int]:
        """What no request may leave behind once its client has gone and all has been waited for."""
        found = {
            "delayed calls": len(self.reactor.getDelayedCalls()),
            "connections": len(self.site._connections),
            "connections turned away": self.site._turned_away,
            "watchers of events": len(self.node.events._watchers),
        }
        return {what: count for what, count in found.items() if count}

    @property
    def unchanged(self) -> bool:
        """Whether all is as it was in the beginning."""
        return self.state() == self._begin and not self.reactor.seconds()

    def wait(self) -> None:
        """Let all that was to happen later happen."""
        for _ in range(3):
            if self.reactor.getDelayedCalls():
                self.reactor.pump([LONG / 10] * 10)


def _state(channel: object) -> tuple[object, ...]:
    if isinstance(channel, ThesisChannel):
        return (len(channel.store),)
    assert isinstance(channel, LinkChannel)
    return (
        channel.store.levels,
        channel.opening.wanted,
        channel.opening.stopped,
        len(channel._gatherer),
        channel._gatherer._volume,
    )


@implementer(ILogObserver)
class Faults:
    """What is logged that says that something went wrong in the process itself."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __enter__(self) -> "Faults":
        globalLogPublisher.addObserver(self)
        return self

    def __exit__(self, *_: object) -> None:
        globalLogPublisher.removeObserver(self)

    def __call__(self, event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error or event.get("isError"):
            self.events.append(event)

    def check(self) -> None:
        """Raise AssertionError if there was any."""
        for event in self.events:
            failure = event.get("log_failure")
            told = failure.getTraceback() if failure is not None else formatEvent(event)
            raise AssertionError(f"logged: {told}")
