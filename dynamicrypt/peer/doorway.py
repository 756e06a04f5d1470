"""Where a connection waits for the end of its TLS handshake, and may go on, or may not."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.peer.admission import HANDSHAKE_SECONDS
from dynamicrypt.peer.errors import HandshakeTimeoutError
from dynamicrypt.peer.tls import LinkSecurity, NodeConnection, explain, inspect
from dynamicrypt.peer.visitors import Visitors


def security_of(transport: object) -> LinkSecurity:
    """What the handshake under this transport established; for protocols beyond a doorway.

    Raises TypeError for another transport, or one whose connection is lost.
    """
    return inspect(_connection(transport))


def _connection(transport: object) -> NodeConnection:
    connection = transport.getHandle() if isinstance(transport, TLSMemoryBIOProtocol) else None
    if not isinstance(connection, NodeConnection):
        raise TypeError("the transport is not TLS between nodes, or its connection is lost")
    return connection


@implementer(IHandshakeListener)
class Doorway(Protocol):
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
        # Without its traceback, which would hold this doorway in a cycle (see `tls`).
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
