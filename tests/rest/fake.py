"""A node without network or cryptography, for tests of the interface above it."""

from base64 import b64decode, encodebytes
from binascii import Error
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from twisted.internet.defer import Deferred

from dynamicrypt.errors import (
    BadCiphertextError,
    NameTakenError,
    NoKeyYetError,
    SynchronisationError,
    UnknownChannelError,
    UnknownServiceError,
    UnsupportedModeError,
)
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.node.events import EventLog
from dynamicrypt.node.node import Node
from dynamicrypt.node.service import Registration, SealedMessage
from dynamicrypt.node.status import NodeStatus, PeerStatus
from dynamicrypt.peer.errors import NoSuchPeerError
from tests.rest.keys import HERE, THERE, make_channel

PADDING = b"\1"


@dataclass
class Service:
    owner: str
    live: bool = False
    keys: bool = False
    #: Ciphertexts that mode 2 may still make.
    fresh: int = 0


@dataclass
class FakeNode(Node):
    """Keeps the contract of Node; its cipher is base64, padded."""

    services: dict[str, Service] = field(default_factory=dict)
    #: (address, port) pairs that accept a dial.
    partners: set[tuple[str, int]] = field(default_factory=set)
    #: Raised by every call, if set.
    error: Exception | None = None
    #: What `synchronise` waits for, if set.
    dial: "Deferred[None] | None" = None
    #: REST v2: owners and channels by name of the service.
    whose: dict[str, str] = field(default_factory=dict)
    opened: dict[str, dict[str, LinkChannel]] = field(default_factory=dict)
    seconds: Callable[[], float] = lambda: 0.0
    later: Callable[[Callable[[], None]], object] = lambda call: call()

    def __post_init__(self) -> None:
        self.events = EventLog()  # type: ignore[misc]  # Node.__init__ is not run

    @property
    def incarnation(self) -> bytes:
        return bytes(range(16))

    def create_service(self, name: str, *, owner: str) -> None:
        self._fail()
        if name in self.whose:
            raise NameTakenError("taken")
        self.whose[name] = owner
        self.opened[name] = {}

    def service_names(self, *, owner: str) -> list[str]:
        self._fail()
        return [name for name, whose in self.whose.items() if whose == owner]

    def owners(self) -> dict[str, str]:
        self._fail()
        return dict(self.whose)

    def open_channel(self, name: str, partner: str, *, peer: str, owner: str) -> LinkChannel:
        links = self._opened(name, owner)
        if peer not in {"there", "elsewhere"}:
            raise NoSuchPeerError(f"no peer {peer}")
        if partner not in links or (peer == "elsewhere") != (links[partner].peer == HERE):
            links[partner] = make_channel(
                name,
                partner,
                owner=owner,
                events=self.events,
                seconds=self.seconds,
                later=self.later,
                ends=(HERE, THERE) if peer == "there" else (THERE, HERE),
            )
        return links[partner]

    def channel(self, name: str, partner: str, *, owner: str) -> LinkChannel:
        channel = self._opened(name, owner).get(partner)
        if channel is None:
            raise UnknownChannelError("no channel")
        return channel

    def channels(self, name: str, *, owner: str) -> list[LinkChannel]:
        return list(self._opened(name, owner).values())

    def close_channel(self, name: str, partner: str, *, owner: str) -> None:
        self.channel(name, partner, owner=owner).close()
        del self.opened[name][partner]

    def status(self) -> NodeStatus:
        self._fail()
        peer = PeerStatus(
            name="there",
            fingerprint=THERE,
            up=True,
            group="X25519MLKEM768",
            round_trip=None,
            channels=0,
        )
        return NodeStatus(name="here", fingerprint=HERE, profile="fast", peers=(peer,))

    def all_channels(self) -> list[LinkChannel]:
        return [channel for links in self.opened.values() for channel in links.values()]

    def _opened(self, name: str, owner: str) -> dict[str, LinkChannel]:
        self._fail()
        if self.whose.get(name) != owner:
            raise UnknownServiceError("unknown")
        return self.opened[name]

    def register(self, name: str, *, owner: str, wire: int | None = None) -> Registration:
        self._fail()
        name = name.partition("\0")[0]
        while not name or name in self.services:
            name += "7"
        self.services[name] = Service(owner)
        return Registration(name=name, address="127.0.0.1", port=8001)

    def configure(self, name: str, partner: str, *, owner: str) -> None:
        self._find(name, owner)

    async def synchronise(
        self,
        name: str,
        partner: str,
        address: str,
        port: int,
        *,
        owner: str,
        wire: int | None = None,
    ) -> None:
        service = self._find(name, owner)
        if self.dial is not None:
            await self.dial
        if (address, port) not in self.partners:
            raise SynchronisationError("refused")
        service.live = service.keys = True
        service.fresh = 10

    def is_synchronising(self, name: str, *, owner: str) -> bool:
        self._fail()
        service = self.services.get(name)
        return service is not None and service.owner == owner and service.live

    def encrypt(self, name: str, message: str, mode: int, *, owner: str) -> SealedMessage:
        service = self._find(name, owner)
        if mode not in (1, 2):
            raise UnsupportedModeError("modes 1 and 2")
        if not service.keys or (mode == 2 and not service.fresh):
            raise NoKeyYetError("none")
        service.fresh -= mode == 2
        digest = sha256(message.encode()).hexdigest().upper()
        return SealedMessage(
            message=encodebytes(message.encode() + PADDING).decode(), hash=digest, key="0.0"
        )

    def decrypt(self, name: str, message: str, hash_: str, mode: int, *, owner: str) -> str:
        service = self._find(name, owner)
        if mode not in (1, 2):
            raise UnsupportedModeError("modes 1 and 2")
        if not service.keys:
            raise NoKeyYetError("none")
        try:
            plain = b64decode(message).removesuffix(PADDING)
        except Error:
            raise BadCiphertextError("not base64") from None
        if sha256(plain).hexdigest().upper() != hash_:
            raise BadCiphertextError("hash")
        return plain.decode()

    def remove(self, name: str, *, owner: str) -> None:
        if name in self.whose:
            self._opened(name, owner)
            del self.whose[name], self.opened[name]
            return
        self._find(name, owner)
        del self.services[name]

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error

    def _find(self, name: str, owner: str) -> Service:
        self._fail()
        service = self.services.get(name)
        if service is None or service.owner != owner:
            raise UnknownServiceError("unknown")
        return service
