"""A pairing over Twisted: a listener that is open while somebody waits, and a dialler.

This is the one place where TLS trusts a certificate that it does not know: the labelled exception
of `AnyNode`. What makes up for it is the code (`pairing`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IReactorTime,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.peer.admission import Admission
from dynamicrypt.peer.errors import (
    NobodyPairedError,
    OwnNodeError,
    PairingBrokenError,
    PortTakenError,
)
from dynamicrypt.peer.handshake import (
    HandshakeCounts,
    SecuredEndpoint,
    SecuredListener,
    security_of,
)
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.pairing import (
    EXPORTER_LABEL,
    EXPORTER_SIZE,
    PAIRING_PROTOCOL,
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
from dynamicrypt.peer.peers import Address, Peer, PeersFile
from dynamicrypt.peer.tls import TlsIdentity

#: The port on which a pairing is waited for unless somebody chooses another.
PAIRING_PORT: Final = 9083
#: Seconds that the listener waits for somebody with the code.
WAIT_SECONDS: Final = 600.0
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


class PairingListener:
    """Waits for one node with the code, at most WAIT_SECONDS.

    `outcome` fires with the peer, or fails: with NobodyPairedError when time is up, or with the
    reason why the run that used the code failed. Callers before that, who come and go without
    using the code, change nothing. `factory` is for the listening port, which the caller closes.
    """

    def __init__(self, host: Host, code: OneTimeCode) -> None:
        self.outcome: Deferred[Peer] = Deferred(lambda _outcome: self.close())
        self._host = host
        self._code = code
        self._runs: set[PairingRun] = set()
        self._deadline = host.clock.callLater(WAIT_SECONDS, self._late)
        own = host.identity
        self.factory = SecuredListener(
            TlsIdentity(own, PAIRING_PROTOCOL).server_options(AnyNode(own.fingerprint)),
            Factory.forProtocol(self._run),
            Admission(host.clock.seconds),
            HandshakeCounts(),
            host.clock,
        )

    def close(self) -> None:
        """Stop waiting: the code is void, and callers are dropped."""
        self._code.void = True
        if self._deadline.active():
            self._deadline.cancel()
        for run in list(self._runs):
            run.abort()

    def _run(self) -> PairingRun:
        run = PairingRun(self._host, Role.LISTENER, self._code, dialled=None)
        self._runs.add(run)
        run.outcome.addBoth(self._ended, run)
        return run

    def _ended(self, result: Peer | Failure, run: PairingRun) -> None:
        self._runs.discard(run)
        if not run.used_code or self.outcome.called:
            return
        self.close()
        if isinstance(result, Failure):
            self.outcome.errback(result)
        else:
            self.outcome.callback(result)

    def _late(self) -> None:
        if not self._code.void:
            self.close()
            self.outcome.errback(NobodyPairedError(f"nobody came in {WAIT_SECONDS:.0f} s"))


async def wait_for_pairing(
    host: Host,
    code: OneTimeCode,
    endpoint: IStreamServerEndpoint,
    listening: Callable[[IAddress], None],
) -> Peer:
    """Listen on `endpoint` until one node has paired; `listening` hears where, once.

    Raises PortTakenError, and what PairingListener's outcome fails with.
    """
    listener = PairingListener(host, code)
    try:
        try:
            port = await endpoint.listen(listener.factory)
        except CannotListenError as error:
            raise PortTakenError(str(error)) from error
        try:
            listening(port.getHost())
            return await listener.outcome
        finally:
            await maybeDeferred(port.stopListening)
    finally:
        listener.close()


async def dial_pairing(
    host: Host, code: OneTimeCode, endpoint: IStreamClientEndpoint, dialled: str
) -> Peer:
    """Pair with the node that waits at `endpoint`; `dialled` is its host as it was typed.

    Raises PeerUnreachableError, and what a run fails with.
    """
    own = host.identity
    runs: list[PairingRun] = []

    def run() -> PairingRun:
        runs.append(PairingRun(host, Role.DIALLER, code, dialled))
        return runs[-1]

    options = TlsIdentity(own, PAIRING_PROTOCOL).client_options(AnyNode(own.fingerprint))
    secured = SecuredEndpoint(endpoint, options, HandshakeCounts(), host.clock)
    await secured.connect(Factory.forProtocol(run))
    return await runs[0].outcome
