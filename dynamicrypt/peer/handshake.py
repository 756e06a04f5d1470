"""The handshake as Twisted sees it: a protocol starts when TLS is up and trusted, not before.

`SecuredListener` and `SecuredEndpoint` put a gate between TLS and the protocol of an ordinary
factory. The protocol's `connectionMade` comes after the handshake was finished and inspected, so
`security_of(self.transport)` works from its first line on; its `connectionLost` gets one of our
errors where TLS was the cause. Who fails never has a protocol.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionLost, DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from dynamicrypt.errors import DynamiCryptError, LocalError
from dynamicrypt.peer.admission import HANDSHAKE_SECONDS, Admission
from dynamicrypt.peer.errors import (
    CertificateChangedError,
    HandshakeTimeoutError,
    PeerUnreachableError,
)
from dynamicrypt.peer.sparse_log import SparseLog
from dynamicrypt.peer.tls import LinkSecurity, NodeConnection, explain, inspect
from dynamicrypt.peer.visitors import Visitors

#: Finished handshakes by (group, result): "ok" with the group's name, or an error's code and "".
HandshakeCounts: TypeAlias = Counter[tuple[str, str]]

_CLOSED: Final = "the connection was closed during the handshake"


def security_of(transport: object) -> LinkSecurity:
    """What the handshake under this transport established; for protocols behind the gate.

    Raises TypeError for another transport, or one whose connection is lost.
    """
    return inspect(_connection(transport))


def _connection(transport: object) -> NodeConnection:
    connection = transport.getHandle() if isinstance(transport, TLSMemoryBIOProtocol) else None
    if not isinstance(connection, NodeConnection):
        raise TypeError("the transport is not TLS between nodes, or its connection is lost")
    return connection


@implementer(IHandshakeListener)
class _Gate(Protocol):
    """Waits for the handshake, then hands the connection to a protocol of `factory`.

    `passed` is called with that protocol once it has begun, or `failed` with the error; exactly one
    of them, once. `visitors` bounds the connections of each peer.
    """

    _log = Logger()

    def __init__(
        self,
        factory: IProtocolFactory,
        address: IAddress,
        clock: IReactorTime,
        passed: Callable[[IProtocol, LinkSecurity], None],
        failed: Callable[[BaseException], None],
        *,
        visitors: Visitors | None = None,
    ) -> None:
        self._factory = factory
        self._address = address
        self._passed = passed
        self._failed = failed
        self._protocol: IProtocol | None = None
        self._begun = False
        self._error: DynamiCryptError | None = None
        self._connection: NodeConnection | None = None
        self._visitors = visitors
        self._visitor: bytes | None = None
        self._deadline = clock.callLater(HANDSHAKE_SECONDS, self._late)

    def connectionMade(self) -> None:
        """TCP is up, TLS is about to start."""
        self._connection = _connection(self.transport)

    def handshakeCompleted(self) -> None:
        """TLS is up; it is inspected before anybody reads from it."""
        try:
            security = security_of(self.transport)
            if self._visitors is not None:
                self._visitors.enter(security.fingerprint)
                self._visitor = security.fingerprint
        except DynamiCryptError as error:
            self.stop(error)
            return
        protocol = self._factory.buildProtocol(self._address)
        if protocol is None or self.transport is None:
            self.stop(DynamiCryptError("nobody wants this connection"))
            return
        self._deadline.cancel()
        self._protocol = protocol
        try:
            protocol.makeConnection(self.transport)
        except Exception:
            self._log.failure("a connection could not be begun")
            self.stop(DynamiCryptError("this node could not begin the connection"))
            return
        self._begun = True
        self._passed(protocol, security)

    def stop(self, error: DynamiCryptError) -> None:
        """Give the connection up for this reason."""
        # Without its traceback, which would hold this gate in a cycle (see `tls`).
        self._error = error.with_traceback(None)
        transport: object = self.transport
        if isinstance(transport, TLSMemoryBIOProtocol):
            transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the application, which come only after the handshake."""
        if self._protocol is not None:
            self._protocol.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, during the handshake or after it."""
        connection, self._connection = self._connection, None
        if self._visitors is not None and self._visitor is not None:
            self._visitors.leave(self._visitor)
        cause = reason.value or ConnectionLost()
        error = self._error or explain(connection, cause)
        if self._protocol is not None:
            self._protocol.connectionLost(reason if error is cause else Failure(error))
        if self._deadline.active():
            self._deadline.cancel()
        if not self._begun:
            self._failed(error)

    def _late(self) -> None:
        self.stop(HandshakeTimeoutError(f"no handshake in {HANDSHAKE_SECONDS:.0f} s"))


@implementer(IProtocolFactory)
class SecuredListener:
    """A factory for a listening port: admission, TLS, and then a protocol of `factory`.

    Known peers have limits, too (`visitors`). Who is refused is counted in `counts`, and some of
    them are logged: the number of callers is theirs to choose, the log's size is not.
    """

    _log = Logger()

    def __init__(
        self,
        options: IOpenSSLServerConnectionCreator,
        factory: IProtocolFactory,
        admission: Admission,
        counts: HandshakeCounts,
        clock: IReactorTime,
    ) -> None:
        self._factory = factory
        self._tls = TLSMemoryBIOFactory(options, False, factory, clock)
        self._admission = admission
        self._visitors = Visitors(clock.seconds)
        self._counts = counts
        self._clock = clock
        self._refusals = SparseLog(self._log, clock)

    def buildProtocol(self, addr: IAddress) -> TLSMemoryBIOProtocol | None:
        """A TLS transport that is waiting for the caller, None if it is not admitted."""
        ticket = self._admission.admit(getattr(addr, "host", ""))
        if ticket is None:
            return None

        def passed(_protocol: IProtocol, security: LinkSecurity) -> None:
            ticket.close(passed=True)
            self._counts[security.group, "ok"] += 1

        def failed(error: BaseException) -> None:
            ticket.close(passed=False)
            self._counts["", _code(error)] += 1
            if isinstance(error, LocalError):
                self._log.error("cannot judge callers: {error}", error=error)
            else:
                self._refusals.info(
                    "refused {host} port {port}: {error}",
                    host=getattr(addr, "host", "?"),
                    port=getattr(addr, "port", "?"),
                    error=error,
                )

        gate = _Gate(self._factory, addr, self._clock, passed, failed, visitors=self._visitors)
        return self._tls.protocol(self._tls, gate)

    def doStart(self) -> None:
        """The port listens."""
        self._tls.doStart()

    def doStop(self) -> None:
        """The port is closed."""
        self._refusals.flush()
        self._tls.doStop()


@implementer(IStreamClientEndpoint)
class SecuredEndpoint:
    """An endpoint that dials through `tcp` and is connected when TLS is up and trusted.

    `connect` fails with PeerUnreachableError, HandshakeTimeoutError, or the error of the trust. It
    succeeds before the listener has judged our certificate: if that is refused, the protocol loses
    its connection with RefusedByPeerError before a byte has come.
    """

    _log = Logger()

    def __init__(
        self,
        tcp: IStreamClientEndpoint,
        options: IOpenSSLClientConnectionCreator,
        counts: HandshakeCounts,
        clock: IReactorTime,
    ) -> None:
        self._tcp = tcp
        self._options = options
        self._counts = counts
        self._clock = clock

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803
        """The protocol of this factory, connected; cancelling drops the connection."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        dial = _Dial(factory, self._clock)
        try:
            await self._tcp.connect(TLSMemoryBIOFactory(self._options, True, dial, self._clock))
            protocol, security = await dial.outcome
        except (ConnectError, DNSLookupError) as error:
            self._counts["", PeerUnreachableError.code] += 1
            raise PeerUnreachableError(str(error) or "no connection") from error
        except DynamiCryptError as error:
            self._counts["", _code(error)] += 1
            if isinstance(error, CertificateChangedError):
                self._log.critical("link stopped: {error}", error=error)
            raise
        self._counts[security.group, "ok"] += 1
        return protocol


@implementer(IProtocolFactory)
class _Dial:
    """Makes the one gate of a dialled connection; `outcome` is what comes through it."""

    def __init__(self, factory: IProtocolFactory, clock: IReactorTime) -> None:
        self._factory = factory
        self._clock = clock
        self._gate: _Gate | None = None
        self.outcome: Deferred[tuple[IProtocol, LinkSecurity]] = Deferred(self._cancel)

    def buildProtocol(self, addr: IAddress) -> IProtocol:
        self._gate = _Gate(self._factory, addr, self._clock, self._passed, self._failed)
        return self._gate

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def _passed(self, protocol: IProtocol, security: LinkSecurity) -> None:
        self.outcome.callback((protocol, security))

    def _failed(self, error: BaseException) -> None:
        if not self.outcome.called:
            ours = isinstance(error, DynamiCryptError)
            self.outcome.errback(error if ours else PeerUnreachableError(_CLOSED))

    def _cancel(self, _outcome: Deferred[tuple[IProtocol, LinkSecurity]]) -> None:
        if self._gate is not None:
            self._gate.stop(DynamiCryptError("given up"))


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, DynamiCryptError) else "closed"
