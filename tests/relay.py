"""A relay on loopback that is a bad network, or a man in the middle.

`python -m tests.relay HOST:PORT --delay 0.05` relays from a free port, which it prints, and makes
a round trip 100 ms longer. It delays every chunk by the same time and holds none back for the sake
of those before it, so it does not throttle; order is kept, and a reader that stops reading stops
the writer at the other end. With `--obey` it reads `cut`, `mend`, `hold` and `release` from its
standard input, one on a line, and ends with it.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import (
    IAddress,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from dynamicrypt.peer.admission import Admission
from dynamicrypt.peer.handshake import HandshakeCounts, SecuredEndpoint, SecuredListener
from dynamicrypt.peer.identity import Identity
from dynamicrypt.peer.pairing_run import AnyNode
from dynamicrypt.peer.tls import TlsIdentity

LOOPBACK = "127.0.0.1"


class Relay:
    """Listens on a free port of loopback and relays each connection to `target`.

    `delay` is one-way, in seconds, and may be changed; `heard` holds what came by, if `listen_in`.
    """

    def __init__(
        self,
        reactor: Any,
        target: IStreamClientEndpoint,
        *,
        delay: float = 0.0,
        listen_in: bool = False,
        accept: Callable[[IProtocolFactory], IProtocolFactory] = lambda factory: factory,
    ) -> None:
        self.delay = delay
        self.held = False
        self.heard = b""
        self._reactor = reactor
        self._target = target
        self._listen_in = listen_in
        self._accept = accept
        self._pairs: set[_Pair] = set()
        self._cut = False
        self._port: Any = None
        self.number = 0

    async def start(self) -> int:
        """Listen; returns the port."""
        endpoint = TCP4ServerEndpoint(self._reactor, 0, interface=LOOPBACK)
        self._port = await endpoint.listen(self._accept(_Callers(self)))
        self.number = self._port.getHost().port
        return self.number

    async def stop(self) -> None:
        """Close everything, and wait until it is closed."""
        self.cut()
        await maybeDeferred(self._port.stopListening)
        for pair in list(self._pairs):
            await pair.closed

    def cut(self) -> None:
        """Break every connection, and new ones as they come, until `mend`."""
        self._cut = True
        for pair in list(self._pairs):
            pair.abort()

    def mend(self) -> None:
        """Relay new connections again."""
        self._cut = False

    def hold(self) -> None:
        """Deliver nothing until `release`, as if the cable were pulled: no side is told."""
        self.held = True

    def release(self) -> None:
        """Deliver what was held, as TCP would after a while."""
        self.held = False
        for pair in self._pairs:
            for way in pair.ways:
                way.deliver()

    def join(self, pair: _Pair) -> None:
        """A connection came; dial for it."""
        self._pairs.add(pair)
        pair.closed.addCallback(lambda _closed: self._pairs.discard(pair))
        if self._cut:
            pair.abort()
            return
        dialled = self._target.connect(Factory.forProtocol(lambda: pair.callee))
        dialled.addErrback(lambda _failure: pair.abort())

    def note(self, data: bytes) -> None:
        """Something came by."""
        if self._listen_in:
            self.heard += data


class _Way:
    """One direction of a connection: what was read, and when it is due at the other end."""

    def __init__(self, relay: Relay, clock: IReactorTime) -> None:
        self._relay = relay
        self._clock = clock
        self._waiting: deque[tuple[float, bytes | None]] = deque()
        self._alarm: Any = None
        self.sink: Any = None

    def push(self, data: bytes | None) -> None:
        """Take bytes, or None for the end."""
        self._waiting.append((self._clock.seconds() + self._relay.delay, data))
        self.deliver()

    def deliver(self) -> None:
        """Write what is due; come back for the rest."""
        if self.sink is None or self._relay.held:
            return
        now = self._clock.seconds()
        while self._waiting and self._waiting[0][0] <= now:
            _due, data = self._waiting.popleft()
            if data is None:
                self.sink.loseConnection()
            else:
                self.sink.write(data)
        if self._waiting and (self._alarm is None or not self._alarm.active()):
            self._alarm = self._clock.callLater(self._waiting[0][0] - now, self.deliver)

    def drop(self) -> None:
        """Forget everything."""
        self._waiting.clear()
        self.sink = None
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()


class _Pair:
    """The two connections of a relayed one; `closed` fires when both are gone."""

    def __init__(self, relay: Relay, clock: IReactorTime) -> None:
        self.relay = relay
        self.ways = (_Way(relay, clock), _Way(relay, clock))
        self.caller = _End(self, out=self.ways[0], back=self.ways[1])
        self.callee = _End(self, out=self.ways[1], back=self.ways[0])
        self.closed: Deferred[None] = Deferred()
        self.aborted = False

    def other(self, end: _End) -> _End:
        """The connection at the other side."""
        return self.callee if end is self.caller else self.caller

    def abort(self) -> None:
        """Break both connections without a word, and one that is yet to come."""
        self.aborted = True
        for way in self.ways:
            way.drop()
        for end in (self.caller, self.callee):
            if end.open:
                end.line.abortConnection()
        self.settle()

    def settle(self) -> None:
        """Fire `closed` if it is true."""
        if not (self.caller.open or self.callee.open or self.closed.called):
            self.closed.callback(None)


class _End(Protocol):
    """One of two connections: what it reads goes `out`, what comes `back` it writes."""

    def __init__(self, pair: _Pair, *, out: _Way, back: _Way) -> None:
        self._pair = pair
        self._out = out
        self._back = back
        self.open = False
        # Typed Any: a TCP transport or TLS over it, for which there is no common interface.
        self.line: Any = None

    def connectionMade(self) -> None:
        self.line = self.transport
        self.open = True
        if self._pair.aborted:
            self.line.abortConnection()
            return
        self._back.sink = self.line
        other = self._pair.other(self)
        if other.open:
            # Who writes is paused while the reader at the other end does not read.
            self.line.registerProducer(other.line, True)
            other.line.registerProducer(self.line, True)
        self._back.deliver()
        if self is self._pair.caller:
            self._pair.relay.join(self._pair)

    def dataReceived(self, data: bytes) -> None:
        self._pair.relay.note(data)
        self._out.push(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.open = False
        self._back.drop()
        other = self._pair.other(self)
        if other.open:
            other.line.unregisterProducer()
            self._out.push(None)
        self._pair.settle()


class _Callers(Factory):
    """Makes the pairs of a relay."""

    noisy = False

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return _Pair(self._relay, self._relay._reactor).caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Impostor:
    """Makes a relay a man in the middle with a certificate of his own towards each side."""

    identity: Identity
    protocol: bytes
    reactor: Any

    def relay(self, target: IStreamClientEndpoint) -> Relay:
        """A relay that ends TLS on both sides and listens in on what is between."""
        tls = TlsIdentity(self.identity, self.protocol)
        anyone = AnyNode(self.identity.fingerprint)
        counts, clock = HandshakeCounts(), self.reactor

        def accept(factory: IProtocolFactory) -> IProtocolFactory:
            admission = Admission(clock.seconds)
            return SecuredListener(tls.server_options(anyone), factory, admission, counts, clock)

        onward = SecuredEndpoint(target, tls.client_options(anyone), counts, clock)
        return Relay(self.reactor, onward, listen_in=True, accept=accept)


class _Orders(LineOnlyReceiver):
    """Does to the relay what the standard input says."""

    delimiter = b"\n"

    def __init__(self, relay: Relay, reactor: Any) -> None:
        self._orders = {
            b"cut": relay.cut,
            b"mend": relay.mend,
            b"hold": relay.hold,
            b"release": relay.release,
        }
        self._reactor = reactor

    def lineReceived(self, line: bytes) -> None:
        self._orders[line]()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._reactor.stop()


def main() -> None:
    """Relay until interrupted."""
    from twisted.internet import reactor  # noqa: PLC0415 - installs it

    loop: Any = reactor
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", help="HOST:PORT")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds, one way")
    parser.add_argument("--obey", action="store_true", help="take orders on the standard input")
    arguments = parser.parse_args()
    host, _, port = arguments.target.rpartition(":")
    target = TCP4ClientEndpoint(loop, host, int(port))
    relay = Relay(loop, target, delay=arguments.delay)
    started: Deferred[int] = Deferred.fromCoroutine(relay.start())
    started.addCallback(lambda number: print(number, flush=True))
    if arguments.obey:
        StandardIO(_Orders(relay, loop))
    loop.run()


if __name__ == "__main__":
    main()
