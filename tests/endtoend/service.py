"""Running nodes for the tests of this room."""

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.demo.daemon import Daemon
from tests.foreign.application import Application
from tests.foreign.cipher import digest, encrypt
from tests.foreign.peer import Conversation, Listener, Side, dial

#: Options for applications of the thesis, which send no token and name no wire.
THESIS = ("--api-auth", "none", "--default-wire", "1")
#: What a node logs when something happened that nobody thought of.
FAULTS = ("Traceback", "Unhandled", "#critical", "Error: ")


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class ServiceTestCase(SynchronousTestCase):
    """Starts nodes that are gone after the test and whose logs must hold no fault."""

    def state(self) -> Path:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(parents=True, mode=0o700)
        return directory

    def node(self, *options: str) -> Daemon:
        daemon = Daemon(self.state(), *options)
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
