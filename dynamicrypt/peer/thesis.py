"""Wire 1 over TCP: the protocol, the listener's factory, and the life of a dialled connection.

Plain TCP without authentication, as the 2019 program speaks it: docs/security.md says what that
means. Every connection is bounded in time, in the length of a line and in number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure

from dynamicrypt.errors import RemoteError, SynchronisationError
from dynamicrypt.params import THESIS
from dynamicrypt.peer.dialler import Connection, Dialler
from dynamicrypt.peer.sparse_log import SparseLog
from dynamicrypt.session.thesis import ThesisSession
from dynamicrypt.session.thesis_events import Accepted, Dialled, Event
from dynamicrypt.session.thesis_states import State
from dynamicrypt.wire.thesis import MAX_LINE, Message, decode, encode

_LOG: Final = Logger()

#: A partner computes a step in well under a millisecond; silence this long (s) is a dead one.
SILENCE: Final = 10.0
#: Connections that the listener keeps at once; each costs a machine and a socket.
MAX_CONNECTIONS: Final = 512
#: Connections of those that have not named a service of ours yet: strangers, mostly.
MAX_STRANGERS: Final = 64


class ThesisChannel(Protocol):
    """The channel that a connection works for; it lives in the node."""

    def connected(self, connection: ThesisProtocol) -> None:
        """The partner has accepted, or was accepted."""

    def happened(self, event: Event) -> None:
        """A key was born or confirmed, or a run discarded."""

    def disconnected(self, connection: ThesisProtocol) -> None:
        """The connection that was connected is gone."""


#: Decides on a dialler: the channel that it may join, or None to turn it away.
Admit = Callable[[Dialled], ThesisChannel | None]


class ThesisProtocol(LineOnlyReceiver, TimeoutMixin):
    """One connection of wire 1, in either role.

    A dialler is given its `channel` and the names to greet with; a listener learns its channel
    from `admit`. `accepted` fires when the machines start, or fails with SynchronisationError;
    `closed` fires when a connection that was accepted is gone.
    """

    delimiter = b"\n"
    MAX_LENGTH = MAX_LINE - 1

    def __init__(
        self,
        *,
        session: ThesisSession,
        clock: IReactorTime,
        log: Logger | SparseLog = _LOG,
        admit: Admit | None = None,
        channel: ThesisChannel | None = None,
        greeting: tuple[str, str] | None = None,
        on_close: Callable[[ThesisProtocol], object] = lambda _: None,
    ) -> None:
        self.accepted: Deferred[None] = Deferred()
        self.closed: Deferred[None] = Deferred()
        self.bytes_received = 0
        self.bytes_sent = 0
        self.channel = channel
        self.joined = False
        self._session = session
        self._admit = admit
        self._greeting = greeting
        self._on_close = on_close
        self._clock = clock
        self._log = log

    def callLater(self, period: float, func: Callable[[], object]) -> IDelayedCall:
        """TimeoutMixin schedules through this."""
        return self._clock.callLater(period, func)

    @property
    def dialler(self) -> bool:
        """Whether this side dialled."""
        return self._greeting is not None

    def connectionMade(self) -> None:
        """Greet, if we dialled."""
        cast("ITCPTransport", self.transport).setTcpNoDelay(True)
        self.setTimeout(SILENCE)
        if self._greeting is not None:
            self._act(list(self._session.dial(*self._greeting)))

    def dataReceived(self, data: bytes) -> None:
        """Count the bytes; Twisted splits the lines."""
        self.bytes_received += len(data)
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        """Let the session answer; a partner that breaks the protocol is dropped."""
        if self._session.state is State.CLOSED:
            return
        self.resetTimeout()
        try:
            self._act(self._session.receive(decode(line, THESIS.weights)))
        except RemoteError as error:
            self._log.info("wire 1: dropped a partner: {reason}", reason=str(error))
            self.drop()

    def lineLengthExceeded(self, line: bytes) -> None:
        """No message is this long."""
        self._log.info("wire 1: dropped a partner: a line of more than {most} bytes", most=MAX_LINE)
        self.drop()

    def timeoutConnection(self) -> None:
        """The partner fell silent."""
        self._log.info("wire 1: dropped a partner: silent for {seconds} s", seconds=SILENCE)
        self.drop()

    def drop(self) -> None:
        """End the connection at once; nothing that is still queued is worth sending."""
        self._session.close()
        transport = cast("ITCPTransport", self.transport)
        transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget the weights and tell the channel."""
        self.setTimeout(None)
        self._session.close()
        if self.joined and self.channel is not None:
            self.joined = False
            self.channel.disconnected(self)
            self.closed.callback(None)
        elif not self.accepted.called:
            self.accepted.errback(SynchronisationError("the partner closed without accepting"))
        self._on_close(self)

    def _act(self, results: list[Message | Event]) -> None:
        for result in results:
            if isinstance(result, Dialled):
                self._decide(result)
            elif isinstance(result, Accepted):
                self._join()
            elif isinstance(result, Event):
                if self.channel is not None:
                    self.channel.happened(result)
            else:
                self._send(result)

    def _decide(self, dialled: Dialled) -> None:
        self.channel = None if self._admit is None else self._admit(dialled)
        if self.channel is None:
            self._log.info("wire 1: turned a dialler away")
            self.drop()
            return
        self._act(list(self._session.accept()))
        self._join()

    def _join(self) -> None:
        self.joined = True
        assert self.channel is not None
        self.channel.connected(self)
        self.accepted.callback(None)

    def _send(self, message: Message) -> None:
        line = encode(message) + b"\n"
        self.bytes_sent += len(line)
        assert self.transport is not None
        self.transport.write(line)


class ThesisListener(Factory):
    """Accepts diallers of wire 1, within MAX_CONNECTIONS and MAX_STRANGERS.

    What they do wrong is logged sparsely: each of them may connect again at once.
    """

    noisy = False

    def __init__(
        self, *, admit: Admit, new_session: Callable[[], ThesisSession], clock: IReactorTime
    ) -> None:
        self._admit = admit
        self._new_session = new_session
        self._clock = clock
        self._connections: set[ThesisProtocol] = set()
        self._log = SparseLog(_LOG, clock)

    def buildProtocol(self, addr: IAddress | None) -> ThesisProtocol | None:
        """A protocol for the connection, or None where there are too many."""
        strangers = sum(not connection.joined for connection in self._connections)
        if len(self._connections) >= MAX_CONNECTIONS or strangers >= MAX_STRANGERS:
            return None
        protocol = ThesisProtocol(
            session=self._new_session(),
            clock=self._clock,
            log=self._log,
            admit=self._admit,
            on_close=self._connections.discard,
        )
        protocol.factory = self
        protocol.accepted.addErrback(lambda _: None)
        self._connections.add(protocol)
        return protocol

    def stopFactory(self) -> None:
        """Drop who is connected when the port closes."""
        for connection in list(self._connections):
            connection.drop()
        self._log.flush()


def dial(
    endpoint: IStreamClientEndpoint,
    build: Callable[[], ThesisProtocol],
    failed: Callable[[Exception], object],
    clock: IReactorTime,
) -> Dialler:
    """A dialler that makes each connection with a protocol of its own from `build`."""
    factory = Factory.forProtocol(build)
    return Dialler(lambda: cast("Deferred[Connection]", endpoint.connect(factory)), failed, clock)
