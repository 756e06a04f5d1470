"""Wire 2 on a transport: the protocol that carries a LinkSession over TLS."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
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

from dynamicrypt.errors import DynamiCryptError, SynchronisationError
from dynamicrypt.keys.ratchet import EXPORTER_BYTES, EXPORTER_LABEL
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.peer.handshake import security_of
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
    """One link. Comes behind a gate of `peer.handshake`, so TLS is up and trusted from the start.

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
        self._pending: deque[Output] = deque()
        self._acting = False
        self._deadline: IDelayedCall | None = None
        self._next_turn: IDelayedCall | None = None
        self._closing_gate: IDelayedCall | None = None

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
        self._act(self._session.start())

    def dataReceived(self, data: bytes) -> None:
        """Let the session answer."""
        self.heard = self._clock.seconds()
        self.bytes_received += len(data)
        self._go(lambda: self.session.receive(data, self.heard))
        if self.session.waiting and self._next_turn is None:
            self._reading().pauseProducing()
            self._next_turn = self._clock.callLater(0, self._go_on)

    def tick(self) -> None:
        """Let the session look at the clock; to be called about once a second."""
        self._go(lambda: self.session.tick(self._clock.seconds()))

    def pauseProducing(self) -> None:
        """The transport's buffer is full: close the gate, if it still is in the next turn.

        It holds READ_BYTES, as Twisted has one number for both ways, and a round may be larger;
        most networks take all of it before that turn.
        """
        if self._closing_gate is None:
            self._closing_gate = self._clock.callLater(0, self._close_gate)

    def resumeProducing(self) -> None:
        """The transport has room again."""
        if not self._keep_gate_open():
            self._go(lambda: self.session.gate(closed=False))

    def stopProducing(self) -> None:
        """The transport is closing; `connectionLost` follows."""

    def ping(self) -> None:
        """Measure the round trip."""
        self._act(self.session.ping(self._clock.seconds()))

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
            self._act(self.session.open(name, parameters, ledger))

    def close_channel(self, name: ChannelName, reason: str) -> None:
        """End a channel if there is one of this name."""
        if self.carries(name):
            self._act(self.session.close(name, reason))

    def pause(self, name: ChannelName) -> None:
        """Let the machines of a channel rest."""
        if self.carries(name):
            self._act(self.session.pause(name))

    def resume(self, name: ChannelName) -> None:
        """Wake the machines of a channel."""
        if self.carries(name):
            self._act(self.session.resume(name))

    def stop(self, reason: str) -> None:
        """Say goodbye and end the link."""
        self._act(self.session.stop(reason))

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
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
            self._take_rest()
        self._keep_gate_open()
        self._go(lambda: self.session.lose(self._reason))
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._owner.lost(self)
        if self._up:
            self.closed.callback(None)
        else:
            self.accepted.errback(self._error or SynchronisationError(self._reason))

    def _close_gate(self) -> None:
        self._closing_gate = None
        self._go(lambda: self.session.gate(closed=True))

    def _keep_gate_open(self) -> bool:
        """Whether the gate was about to be closed; it is not, then."""
        closing, self._closing_gate = self._closing_gate, None
        if closing is not None:
            closing.cancel()
        return closing is not None

    def _go_on(self) -> None:
        """Take more of what came, now that the other links had their turn."""
        self._next_turn = None
        self._go(lambda: self.session.receive(b"", self._clock.seconds()))
        if self.session.waiting:
            self._next_turn = self._clock.callLater(0, self._go_on)
        else:
            self._reading().resumeProducing()

    def _take_rest(self) -> None:
        """What came before the end of the connection counts."""
        while self.session.waiting:
            self._go(lambda: self.session.receive(b"", self._clock.seconds()))

    def _reading(self) -> IPushProducer:
        """The transport, as what produces the data that we read."""
        return cast("IPushProducer", self.transport)

    def _go(self, step: Callable[[], list[Output]]) -> None:
        """Do what follows from a step of the session; one that fails ends the link.

        The session may have done half of it, so nothing that it says later can be relied on.
        """
        try:
            outputs = step()
        except Exception:
            self._log.failure("a link could not go on")
            self.stop(OWN_FAULT)
        else:
            self._act(outputs)

    def _act(self, outputs: Iterable[Output]) -> None:
        """Write and report in order, also what the owner causes while it is told of an event.

        An event that the owner cannot take is logged, and the rest goes on: the link carries many
        channels, and its end must be told in any case.
        """
        self._pending.extend(outputs)
        if self._acting:
            return
        self._acting = True
        try:
            while self._pending:
                try:
                    self._do(self._pending.popleft())
                except Exception:
                    self._log.failure("an event of the link was not taken")
        finally:
            self._acting = False

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
