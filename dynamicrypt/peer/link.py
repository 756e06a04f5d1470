"""Wire 2 on a transport: the protocol that carries a LinkSession over TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, cast

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from dynamicrypt.errors import DynamiCryptError, LocalError, SynchronisationError
from dynamicrypt.keys.ratchet import EXPORTER_BYTES, EXPORTER_LABEL
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.peer.doorway import security_of
from dynamicrypt.peer.in_order import InOrder
from dynamicrypt.peer.next_turn import NextTurn
from dynamicrypt.peer.peers import Address
from dynamicrypt.peer.tls import LinkSecurity
from dynamicrypt.session.link import LinkSession
from dynamicrypt.session.link_events import ChannelName, LinkDown, LinkEvent, LinkUp
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_outbox import Output
from dynamicrypt.session.link_states import State
from dynamicrypt.session.link_statistics import Statistics

#: Bytes that a link reads in one turn of the reactor. Whatever they are, the work that they make is
#: a few milliseconds, and then the other links have their turn.
READ_BYTES: Final = 4096
#: After its goodbye a connection has this long (s) to close in an orderly way.
CLOSING_SECONDS: Final = 5.0

#: What the peer is told by a link that this node could not take.
OWN_FAULT: Final = "a fault of the node"


class LinkOwner(Protocol):
    """Who keeps the links of a node; see `node.links`."""

    def new_session(self, security: LinkSecurity, exporter: bytearray) -> LinkSession:
        """A session for a connection that TLS has authenticated."""

    def happened(self, link: LinkProtocol, event: LinkEvent) -> None:
        """An event of the link, in order."""

    def lost(self, link: LinkProtocol) -> None:
        """The connection is gone; its LinkDown was the last event."""


@implementer(IPushProducer)
class LinkProtocol(TwistedProtocol):
    """One link. Comes beyond a `peer.doorway`, so TLS is up and trusted from the start.

    `accepted` fires when the link is up, or fails with what kept it from that; `closed` fires when
    a link that was up is gone. `address` is where this side dialled, None if the peer did.
    """

    _log = Logger()

    def __init__(
        self, owner: LinkOwner, clock: IReactorTime, address: Address | None = None
    ) -> None:
        self.accepted: Deferred[None] = Deferred()
        self.closed: Deferred[None] = Deferred()
        self.address: Final = address
        self.began = clock.seconds()
        self.heard = self.began
        self.bytes_received = 0
        self.bytes_sent = 0
        self.fingerprint = b""
        self.group = ""
        self._owner = owner
        self._clock = clock
        self._session: LinkSession | None = None
        self._up = False
        self._reason = "the connection was lost"
        self._error: DynamiCryptError | None = None
        # The link carries many channels: what the owner cannot take must not keep it from the rest.
        self._outputs: InOrder[Output] = InOrder()
        self._turn = NextTurn(clock)
        self._closing_gate = NextTurn(clock)
        self._reads = True
        self._deadline: IDelayedCall | None = None

    @property
    def session(self) -> LinkSession:
        """The session; there is one from `connectionMade` on."""
        assert self._session is not None
        return self._session

    def connectionMade(self) -> None:
        """The peer is authenticated: begin."""
        security = security_of(self.transport)
        self.fingerprint, self.group = security.fingerprint, security.group
        exporter = bytearray(security.exporter(EXPORTER_LABEL, b"", EXPORTER_BYTES))
        self._session = self._owner.new_session(security, exporter)
        exporter[:] = bytes(len(exporter))
        cast("IConsumer", self.transport).registerProducer(self, True)
        tcp = cast("TLSMemoryBIOProtocol", self.transport).transport
        cast("FileDescriptor", tcp).bufferSize = READ_BYTES
        # A round that waits for the acknowledgement of the one before waits 40 ms.
        cast("ITCPTransport", tcp).setTcpNoDelay(True)
        self._go(self._session.start)

    def dataReceived(self, data: bytes) -> None:
        """Let the session answer."""
        self.heard = self._clock.seconds()
        self.bytes_received += len(data)
        self._go(lambda: self.session.receive(data, self.heard))

    def tick(self) -> None:
        """Let the session look at the clock; to be called about once a second."""
        self._go(lambda: self.session.tick(self._clock.seconds()))

    def pauseProducing(self) -> None:
        """The transport's buffer is full: close the gate, if it still is in the next turn.

        It holds READ_BYTES, as Twisted has one number for both ways, and a round may be larger;
        most networks take all of it before that turn.
        """
        self._closing_gate.ask(lambda: self._gate(closed=True))

    def resumeProducing(self) -> None:
        """The transport has room again."""
        if not self._closing_gate.cancel():
            self._gate(closed=False)

    def stopProducing(self) -> None:
        """The transport is closing; `connectionLost` follows."""

    def ping(self) -> None:
        """Measure the round trip."""
        self._go(lambda: self.session.ping(self._clock.seconds()))

    def carries(self, name: ChannelName) -> bool:
        """Whether there is a channel of this name, opening or open."""
        return name in self.session.channels

    def statistics(self, name: ChannelName) -> Statistics:
        """What the channel has done since it opened."""
        return self.session.channel(name).statistics

    def machines(self, name: ChannelName) -> list[tuple[int, bool, int, int]]:
        """Of each machine of the channel its number, whether it is active, its run, and steps."""
        return list(self.session.channel(name).machines)

    def open(self, name: ChannelName, parameters: ExchangeParameters, ledger: Ledger) -> None:
        """Ask for a channel, unless there is one of this name."""
        if self.session.state is State.UP and not self.carries(name):
            self._go(lambda: self.session.open(name, parameters, ledger), misuse=LocalError)

    def close_channel(self, name: ChannelName, reason: str) -> None:
        """End a channel if there is one of this name."""
        if self.carries(name):
            self._go(lambda: self.session.close(name, reason))

    def pause(self, name: ChannelName) -> None:
        """Let the machines of a channel rest."""
        if self.carries(name):
            self._go(lambda: self.session.pause(name))

    def resume(self, name: ChannelName) -> None:
        """Wake the machines of a channel."""
        if self.carries(name):
            self._go(lambda: self.session.resume(name))

    def stop(self, reason: str) -> None:
        """Say goodbye and end the link."""
        self._go(lambda: self.session.stop(reason))

    def drop(self) -> None:
        """End the link; for a dialler that is stopped."""
        if self._session is not None:
            self.stop("stopped")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Wipe the session and tell the owner."""
        if self._session is None:
            self._owner.lost(self)
            return
        if isinstance(reason.value, DynamiCryptError):
            self._error = reason.value
            self._reason = str(reason.value)
        self._turn.cancel()
        self._closing_gate.cancel()
        while self.session.waiting:
            # What came before the end of the connection counts.
            self._take_turn()
        self._turn.cancel()
        self._go(lambda: self.session.lose(self._reason))
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._owner.lost(self)
        if self._up:
            self.closed.callback(None)
        else:
            self.accepted.errback(self._error or SynchronisationError(self._reason))

    def _gate(self, *, closed: bool) -> None:
        self._go(lambda: self.session.gate(closed=closed))

    def _take_turn(self) -> None:
        """Go on with what waits, now that the other links had their turn."""
        self._go(lambda: self.session.receive(b"", self._clock.seconds()))

    def _go(
        self, step: Callable[[], list[Output]], *, misuse: type[LocalError] | tuple[()] = ()
    ) -> None:
        """Do what follows from a step of the session; one that fails ends the link.

        The session may have done half of it, so nothing that it says later can be relied on.
        Raises `misuse`, which changes nothing.
        """
        try:
            outputs = step()
        except misuse:
            raise
        except Exception:
            self._log.failure("a link could not go on")
            # Where even that fails the session is closed by then, and the second time says so.
            self.stop(OWN_FAULT)
        else:
            self._outputs.put(outputs, self._do)
            self._plan()

    def _plan(self) -> None:
        """Read on; while something waits, take another turn for that instead."""
        waiting = self.session.waiting
        if waiting:
            self._turn.ask(self._take_turn)
        if waiting is self._reads:
            self._reads = not waiting
            reading = cast("IPushProducer", self.transport)
            (reading.pauseProducing if waiting else reading.resumeProducing)()

    def _do(self, output: Output) -> None:
        if isinstance(output, bytes):
            self.bytes_sent += len(output)
            assert self.transport is not None
            self.transport.write(output)
            return
        match output:
            case LinkUp():
                self._come_up(output)
            case LinkDown():
                self._reason = output.reason
                self._error = output.error
                try:
                    self._owner.happened(self, output)
                finally:
                    self._close()
            case _:
                self._owner.happened(self, output)

    def _come_up(self, event: LinkUp) -> None:
        self._up = True
        try:
            self._owner.happened(self, event)
        except Exception:
            # Nobody would use this link, and nobody dial another one.
            self.stop(OWN_FAULT)
            raise
        finally:
            self.accepted.callback(None)

    def _close(self) -> None:
        transport = cast("ITCPTransport", self.transport)
        cast("IConsumer", transport).unregisterProducer()
        transport.loseConnection()
        self._deadline = self._clock.callLater(CLOSING_SECONDS, transport.abortConnection)
