"""A pairing over Twisted: a listener that is open while somebody waits, and a dialler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from dynamicrypt.peer.admission import Admission
from dynamicrypt.peer.errors import NobodyPairedError
from dynamicrypt.peer.handshake import HandshakeCounts, SecuredEndpoint, SecuredListener
from dynamicrypt.peer.listening import not_listening
from dynamicrypt.peer.pairing import PAIRING_PROTOCOL, Role
from dynamicrypt.peer.pairing_code import OneTimeCode
from dynamicrypt.peer.pairing_run import AnyNode, Host, PairingRun
from dynamicrypt.peer.peers import Peer
from dynamicrypt.peer.tls import TlsIdentity

#: The port on which a pairing is waited for unless somebody chooses another.
PAIRING_PORT: Final = 9083
#: Seconds that the listener waits for somebody with the code.
WAIT_SECONDS: Final = 600.0


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

    Raises what `not_listening` makes of a port that cannot be had, and what PairingListener's
    outcome fails with.
    """
    listener = PairingListener(host, code)
    try:
        try:
            port = await endpoint.listen(listener.factory)
        except CannotListenError as error:
            raise not_listening(error.interface, error.port, error.socketError) from error
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
