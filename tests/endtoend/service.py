"""Running nodes for the tests of this room."""

import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.demo.daemon import Daemon
from dynamicrypt.peer import identity
from dynamicrypt.peer.peers import Peer
from dynamicrypt.peer.peers_file import PeersFile
from dynamicrypt.peer.statedir import StateDirectory
from tests.foreign.application import Application
from tests.foreign.cipher import digest, encrypt
from tests.foreign.peer import Conversation, Listener, Side, dial
from tests.inspectable import PROGRAM

Thing = TypeVar("Thing")
Result = TypeVar("Result")

#: Options for applications of the thesis, which send no token and name no wire.
THESIS = ("--api-auth", "none", "--default-wire", "1")
#: What a node logs when something happened that nobody thought of.
FAULTS = ("Traceback", "Unhandled", "#critical", "Error: ")


#: The allocator keeps what it once had, so some growth is no leak; a node that kept something
#: of every connection or request of an attack would be far above.
GROWTH_BYTES = 4 * 2**20


def resident_bytes(node: Daemon) -> int:
    pages = int(Path(f"/proc/{node.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(node: Daemon) -> int:
    return len(list(Path(f"/proc/{node.pid}/fd").iterdir()))


def make_known(states: tuple[Path, Path]) -> None:
    """What `dynamicrypt init` and `dynamicrypt peer add` do on both sides, in a hundredth of the
    time; test_two_nodes types the commands.
    """
    first, second = map(StateDirectory, states)
    for own, peer in ((first, second), (second, first)):
        entry = Peer(name=own.path.name, fingerprint=identity.create(own).fingerprint)
        PeersFile(peer).update(lambda known, entry=entry: known.with_peer(entry))  # type: ignore[misc]  # bound early


def at_once(start: Callable[[Thing], Result], things: Sequence[Thing]) -> list[Result]:
    """Start each while the others start."""
    with ThreadPoolExecutor(len(things)) as threads:
        return list(threads.map(start, things))


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class WiredApplication(Application):
    """Names the wire that it wants."""

    def __init__(self, port: int, token: str | None, wire: int) -> None:
        super().__init__(port, token)
        self.wire = wire

    def post(self, option: str, **fields: object) -> dict[str, object]:
        more = {"wire": self.wire} if option == "init" else {}
        return super().post(option, **fields, **more)


class ServiceTestCase(SynchronousTestCase):
    """Starts nodes that are gone after the test and whose logs must hold no fault."""

    def state(self) -> Path:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(parents=True, mode=0o700)
        return directory

    def node(self, *options: str) -> Daemon:
        daemon = Daemon(self.state(), *options, program=PROGRAM)
        daemon.start()
        self.addCleanup(self.end, daemon)
        return daemon

    def thesis_node(self) -> Daemon:
        """A node that is open to applications of the thesis, which send no token."""
        return self.node(*THESIS)

    def end(self, daemon: Daemon) -> None:
        """Stop the node; twistd ends by the signal that it was sent, once it has shut down."""
        self.assertIn(daemon.stop(), (0, -signal.SIGTERM))
        self.assertIn("Server Shut Down", daemon.log)
        faults = [line.text for line in daemon.lines if any(fault in line.text for fault in FAULTS)]
        self.assertEqual(faults, [])

    def application(self, node: Daemon, token: str | None = None) -> Application:
        application = Application(node.api_port, token)
        self.addCleanup(application.close)
        return application

    def dial(self, node: Daemon, name: str, partner: str) -> Conversation:
        """A foreign peer that calls the node."""
        conversation = dial(node.thesis_port, name, partner)
        self.addCleanup(conversation.stop)
        return conversation

    def listener(self, new_side: Callable[[], Side] = lambda: Side(493)) -> Listener:
        """A foreign peer that waits for the node to call."""
        listener = Listener(new_side)
        self.addCleanup(listener.close)
        return listener

    def called(self, listener: Listener) -> Conversation:
        conversation = listener.next()
        self.addCleanup(conversation.stop)
        return conversation

    def connect(self, port: int, patience: float = 20.0) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.addCleanup(connection.close)
        return connection

    def assertHungUp(self, connection: socket.socket) -> bytes:
        """The node ends the connection before the socket times out; returns its last words."""
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionResetError:
            pass
        except TimeoutError:
            self.fail(f"the connection stays open after {received!r}")
        return received

    def assertMakesKeys(self, conversation: Conversation, more: int = 2) -> None:
        """The conversation is alive: it gets further keys."""
        conversation.wait_for_keys(len(conversation.side.keys) + more)
        self.assertIsNone(conversation.failure)

    def assertOpens(self, application: Application, key: str, message: str, mode: int) -> None:
        """The node decrypts what a foreign peer encrypted under this key."""
        sealed = {"message": encrypt(key, message), "hash": digest(message), "mode": mode}
        self.assertEqual(application.decrypt(sealed), {"message": message, "mode": mode})

    def throw(self, port: int, stream: bytes) -> None:
        """Send it, end the stream, and wait for the node to end its own."""
        with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
            try:
                connection.sendall(stream)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except TimeoutError:
                self.fail(f"the connection is stuck after {stream!r}")
            except OSError:
                return  # the node hung up while we were talking, as it may

    def assertUnmoved(self, node: Daemon, attack: Callable[[], None]) -> None:
        """Twice the same attack: what the second adds to the node's memory is a leak."""
        attack()
        open_files, memory = descriptors(node), resident_bytes(node)
        attack()
        self.assertLess(resident_bytes(node) - memory, GROWTH_BYTES)
        self.assertTrue(eventually(lambda: descriptors(node) <= open_files), "stuck")
