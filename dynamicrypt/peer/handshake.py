"""The handshake as Twisted sees it: a protocol starts when TLS is up and trusted, not before.

`SecuredListener` and `SecuredEndpoint` put a doorway between TLS and the protocol of an ordinary
factory. The protocol's `connectionMade` comes after the handshake was finished and inspected, so
`security_of(self.transport)` works from its first line on; its `connectionLost` gets one of our
errors where TLS was the cause. Who fails never has a protocol.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from dynamicrypt.errors import DynamiCryptError, LocalError
from dynamicrypt.peer.admission import Admission
from dynamicrypt.peer.doorway import Doorway
from dynamicrypt.peer.errors import (
    CertificateChangedError,
    PeerUnreachableError,
)
from dynamicrypt.peer.sparse_log import SparseLog
from dynamicrypt.peer.tls import LinkSecurity
from dynamicrypt.peer.visitors import Visitors

#: Finished handshakes by (group, result): "ok" with the group's name, or an error's code and "".
HandshakeCounts: TypeAlias = Counter[tuple[str, str]]

_CLOSED: Final = "the connection was closed during the handshake"


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

        doorway = Doorway(self._factory, addr, self._clock, passed, failed, visitors=self._visitors)
        return self._tls.protocol(self._tls, doorway)

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
    """Makes the one doorway of a dialled connection; `outcome` is what comes through it."""

    def __init__(self, factory: IProtocolFactory, clock: IReactorTime) -> None:
        self._factory = factory
        self._clock = clock
        self._doorway: Doorway | None = None
        self.outcome: Deferred[tuple[IProtocol, LinkSecurity]] = Deferred(self._cancel)

    def buildProtocol(self, addr: IAddress) -> IProtocol:
        self._doorway = Doorway(self._factory, addr, self._clock, self._passed, self._failed)
        return self._doorway

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
        if self._doorway is not None:
            self._doorway.stop(DynamiCryptError("given up"))


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, DynamiCryptError) else "closed"
