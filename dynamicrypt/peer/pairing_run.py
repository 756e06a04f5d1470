"""One connection of a pairing: TLS that trusts every node, and the conversation behind it.

This is the one place where TLS trusts a certificate that it does not know: the labelled exception
of `AnyNode`. What makes up for it is the code (`pairing`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.peer.doorway import security_of
from dynamicrypt.peer.errors import OwnNodeError, PairingBrokenError
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.pairing import (
    EXPORTER_LABEL,
    EXPORTER_SIZE,
    Announcement,
    CodeUsed,
    Ends,
    Event,
    Failed,
    Met,
    Paired,
    Pairing,
    Role,
)
from dynamicrypt.peer.pairing_code import OneTimeCode
from dynamicrypt.peer.pairing_messages import (
    MAX_LINE,
    Confirm,
    Done,
    Message,
    Refuse,
    Share,
    decode,
    encode,
)
from dynamicrypt.peer.peers import Address, Peer
from dynamicrypt.peer.peers_file import PeersFile

#: Seconds from the end of the handshake to the end of the run: four messages and a close.
RUN_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a pairing needs of the node that it runs on.

    `entropy(n)` gives n random bytes.
    """

    identity: Identity
    peers: PeersFile
    announced: Announcement
    entropy: Callable[[int], bytes]
    clock: IReactorTime


class AnyNode:
    """The exception: trust in whoever shows a node's certificate, save this node itself."""

    def __init__(self, own: bytes) -> None:
        self._own = own

    def met(self, fingerprint: bytes) -> None:
        """Raise OwnNodeError for this node's own certificate."""
        if fingerprint == self._own:
            raise OwnNodeError("the node at the other end is this node itself")

    def agreed(self, fingerprint: bytes, group: str) -> None:
        """Accept every group of TLS 1.3: nothing that is said here needs to stay secret."""


class PairingRun(LineOnlyReceiver):
    """One connection. `outcome` fires when it is closed, with the peer as it is known now.

    It fails with the reason why there is no pairing.
    """

    delimiter = b"\n"
    MAX_LENGTH = MAX_LINE

    def __init__(self, host: Host, role: Role, code: OneTimeCode, dialled: str | None) -> None:
        self.outcome: Deferred[Peer] = Deferred()
        #: Whether this run has made the code void.
        self.used_code = False
        self._host = host
        self._role = role
        self._code = code
        self._dialled = dialled
        self._peer: Peer | None = None
        self._error: DynamiCryptError | None = None
        self._session: Pairing | None = None
        self._deadline = host.clock.callLater(RUN_SECONDS, self.abort)

    def connectionMade(self) -> None:
        """TLS is up."""
        security = security_of(self.transport)
        ends = Ends(
            own=self._host.identity.fingerprint,
            other=security.fingerprint,
            exporter=security.exporter(EXPORTER_LABEL, b"", EXPORTER_SIZE),
        )
        self._session = Pairing(
            self._role, self._code, ends, self._host.announced, self._host.entropy
        )
        if self._role is Role.DIALLER:
            self.sendLine(encode(self._session.start()))

    def lineReceived(self, line: bytes) -> None:
        """A message, unless the run is over."""
        if self._session is None or self._error is not None:
            return
        try:
            for item in self._session.receive(decode(line)):
                self._act(item)
        except DynamiCryptError as error:
            self._give_up(error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Say what came of it."""
        if self._deadline.active():
            self._deadline.cancel()
        error = self._error
        if error is None and self._session is not None:
            error = self._session.lost()
        if error is None and self._peer is not None:
            self.outcome.callback(self._peer)
            return
        told = reason.value if isinstance(reason.value, DynamiCryptError) else None
        self.outcome.errback(error or told or PairingBrokenError("the other side went away"))

    def abort(self) -> None:
        """Drop the connection."""
        transport: object = self.transport
        if isinstance(transport, TLSMemoryBIOProtocol):
            transport.abortConnection()

    def _act(self, item: Message | Event) -> None:
        match item:
            case CodeUsed():
                self.used_code = True
            case Met():
                self._peer = self._remember(item)
            case Failed(error=error):
                self._give_up(error)
            case Paired():
                self._close()
            case Share() | Confirm() | Done() | Refuse():
                self.sendLine(encode(item))

    def _remember(self, met: Met) -> Peer:
        """Enter the other side into the known peers, with its address if it can be dialled."""
        address = self._address(met.announced.port)
        return self._host.peers.meet(met.fingerprint, name=met.announced.name, address=address)

    def _address(self, port: int) -> Address | None:
        transport = self.transport
        if not port or transport is None:
            return None
        host = self._dialled or getattr(transport.getPeer(), "host", None)
        # A link-local IPv6 address is of no use without its interface, which no file can know.
        return Address(host, port) if host and "%" not in host else None

    def _give_up(self, error: DynamiCryptError) -> None:
        self._error = error
        self._close()

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
