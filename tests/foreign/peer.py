"""One end of a wire 1 conversation over a blocking socket, either role."""

import contextlib
import socket
import threading
from collections.abc import Callable
from queue import SimpleQueue

from tests.foreign.machine import (
    MAXIMUM_ITERATIONS,
    Machine,
    Source,
    SystemSource,
    read_vector,
    vector_text,
)

MAXIMUM_LINE = 1024


class Side:
    """What one side knows and says: `answer` turns a received line into the lines to send.

    `iteration` counts as the thesis' program counts; `keys` are all keys made so far and
    `detected` the numbers of those whose equality this side saw first.
    """

    def __init__(self, own_id: int, source: Source | None = None) -> None:
        self.own_id = own_id
        self.source = SystemSource() if source is None else source
        self.machine = Machine(self.source.weights())
        self.iteration = 0
        self.iterations = 0
        self.vector: list[int] = []
        self.keys: list[str] = []
        self.detected: list[int] = []
        self.restarts = 0
        self.partner_id: int | None = None
        self.partner_name = ""
        self.asked_for = ""

    def hello(self, name: str, partner: str) -> bytes:
        return f"2\t{self.own_id}\t0\t{name}\t{partner}".encode()

    def answer(self, line: bytes) -> bytes:
        fields = line.split(b"\t")
        match fields[0]:
            case b"2":
                self.partner_id = int(fields[1])
                self.partner_name, self.asked_for = fields[3].decode(), fields[4].decode()
                return b"3\t%d\t0\t%d" % (self.own_id, self.partner_id)
            case b"3":
                assert int(fields[3]) == self.own_id, line
                self.partner_id = int(fields[1])
                self._count()
                return self._step_one()
            case b"1":
                assert int(fields[1]) == int(fields[2]) == self.partner_id, line
                return self._step(fields)
            case b"4":
                assert int(fields[1]) == self.partner_id, line
                if fields[4] == b"1":
                    self.keys.append(self.machine.key())
                self._start_over()
                self._count()
                return self._step_one()
            case _:
                raise AssertionError(f"the peer said {line!r}")

    def _count(self) -> None:
        self.iteration += 1
        self.iterations += 1

    def _start_over(self) -> None:
        self.machine = Machine(self.source.weights())
        self.iteration = 0

    def _step(self, fields: list[bytes]) -> bytes:
        if self.iteration == MAXIMUM_ITERATIONS:
            self.restarts += 1
            self._start_over()
            return b"4\t%d\t0\t0\t0" % self.own_id
        self._count()
        if fields[6] == b"2" and fields[7] == b"1":
            self.machine.update(self.vector)
            if self.machine.check(fields[10]).encode() == fields[9]:
                self.detected.append(len(self.keys))
                self.keys.append(self.machine.key())
                self._start_over()
                return b"4\t%d\t0\t0\t1" % self.own_id
        received = read_vector(fields[4])
        agreed = self.machine.output(received) == int(fields[5])
        if agreed:
            self.machine.update(received)
        salt = self.source.salt()
        check = self.machine.check(salt).encode()
        again = b"%d\t%b\t%b\t%b" % (agreed, vector_text(received), check, salt)
        return self._evaluation() + b"2\t" + again

    def _step_one(self) -> bytes:
        return self._evaluation() + b"1"

    def _evaluation(self) -> bytes:
        self.vector = self.source.vector()
        text = vector_text(self.vector)
        numbers = (self.own_id, self.own_id, self.iteration, text, self.machine.output(self.vector))
        return b"1\t%d\t%d\t%d\t%b\t%d\t" % numbers


class Wire:
    """Lines over a blocking socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.buffer = b""

    def send(self, line: bytes) -> None:
        assert len(line) < MAXIMUM_LINE, line
        self.connection.sendall(line + b"\n")

    def receive(self) -> bytes:
        """The next line without its LF; empty when the other side closed."""
        while b"\n" not in self.buffer:
            more = self.connection.recv(65536)
            if not more:
                return b""
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line


class Conversation(threading.Thread):
    """A Side talking on a socket until `stop`, the partner's leaving, or `enough` keys.

    What went wrong is kept in `failure` for the test that owns the conversation; `notice` is
    called without arguments whenever there is a new key.
    """

    def __init__(
        self,
        side: Side,
        connection: socket.socket,
        opening: bytes | None = None,
        *,
        enough: int | None = None,
        patience: float = 20.0,
    ) -> None:
        super().__init__(daemon=True)
        self.side = side
        self.wire = Wire(connection)
        self.opening = opening
        self.enough = enough
        self.failure: BaseException | None = None
        self.left = False
        self.stopping = False
        self.grown = threading.Condition()
        connection.settimeout(patience)

    def run(self) -> None:
        try:
            self._talk()
        except Exception as problem:
            if not self.stopping:
                self.failure = problem
        finally:
            self.wire.connection.close()
            with self.grown:
                self.left = True
                self.grown.notify_all()

    def _talk(self) -> None:
        if self.opening is not None:
            self.wire.send(self.opening)
        while not self.stopping and (line := self.wire.receive()):
            known = len(self.side.keys)
            reply = self.side.answer(line)
            if len(self.side.keys) != known:
                with self.grown:
                    self.grown.notify_all()
            self.wire.send(reply)
            if self.enough is not None and len(self.side.keys) >= self.enough:
                return

    def wait_for_keys(self, number: int, seconds: float = 30.0) -> list[str]:
        """The keys, as soon as there are that many; AssertionError when it takes too long."""
        with self.grown:
            self.grown.wait_for(lambda: len(self.side.keys) >= number or self.left, seconds)
        assert len(self.side.keys) >= number, (len(self.side.keys), self.left, self.failure)
        return list(self.side.keys)

    def stop(self) -> None:
        self.stopping = True
        with contextlib.suppress(OSError):  # the other side may have been faster
            self.wire.connection.shutdown(socket.SHUT_RDWR)
        self.join(10)
        assert not self.is_alive()


def dial(
    port: int, name: str, partner: str, side: Side | None = None, *, enough: int | None = None
) -> Conversation:
    """Call a listener on this machine and talk to it."""
    side = Side(3411) if side is None else side
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    conversation = Conversation(side, connection, side.hello(name, partner), enough=enough)
    conversation.start()
    return conversation


class Listener:
    """Answers every caller on an ephemeral port with a conversation of its own."""

    def __init__(self, new_side: Callable[[], Side] = lambda: Side(493)) -> None:
        self.new_side = new_side
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.conversations: SimpleQueue[Conversation] = SimpleQueue()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def next(self, seconds: float = 20.0) -> Conversation:
        """The conversation with the next caller; queue.Empty when nobody calls."""
        return self.conversations.get(timeout=seconds)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return  # closed
            conversation = Conversation(self.new_side(), connection)
            self.conversations.put(conversation)
            conversation.start()
