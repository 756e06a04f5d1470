"""What becomes of connections to a node that runs, at their ends and at its end."""

import http.client
import json
import re
import socket
import threading
import time
from contextlib import ExitStack

from dynamicrypt.access.issued import TokenFile
from dynamicrypt.access.tokens import Scope
from dynamicrypt.peer.statedir import StateDirectory
from dynamicrypt.web.limits import Limits
from tests.endtoend.service import ServiceTestCase, descriptors, eventually
from tests.rest.running import HOST, SHOP, RunningNode

#: A channel whose partner opens it later.
LATE, OTHER = "/v2/services/shop/channels/mint", "/v2/services/mint/channels/shop"


class ConnectionTests(ServiceTestCase):
    def setUp(self) -> None:
        self.daemon = self.node()
        self.running = RunningNode(self.daemon)

    def line(self) -> socket.socket:
        connection = socket.create_connection((HOST, self.running.port), timeout=20)
        self.addCleanup(connection.close)
        return connection

    def send(
        self, method: str, path: str, body: bytes | int = b"", kind: str = "json"
    ) -> socket.socket:
        """A connection on which a request was sent; of a body that is a number only the head."""
        length = body if isinstance(body, int) else len(body)
        connection = self.line()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {self.running.token}\r\n"
            f"Content-Type: application/{kind}\r\nContent-Length: {length}\r\n\r\n"
        )
        connection.sendall(head.encode() + (b"" if isinstance(body, int) else body))
        return connection

    def answer(self, connection: socket.socket, *, slowly: bool = False) -> tuple[int, bytes]:
        """Status and body of what comes; IncompleteRead if that breaks off."""
        response = http.client.HTTPResponse(connection)
        response.begin()
        parts = []
        while part := response.read(1_000_000):
            parts.append(part)
            time.sleep(0.02 if slowly else 0)
        return response.status, b"".join(parts)

    def late(self) -> None:
        """The channel whose partner is not there yet."""
        fingerprint = self.running.ask("GET", "/v2/status")["fingerprint"]
        self.running.ask("PUT", LATE, {"peer": fingerprint})

    def open_partner(self) -> None:
        fingerprint = self.running.ask("GET", "/v2/status")["fingerprint"]
        self.running.ask("PUT", "/v2/services/mint")
        self.running.ask("PUT", OTHER, {"peer": fingerprint})
        self.running.ask("GET", f"{LATE}?wait=20s")

    def keys_taken(self) -> int:
        metrics = self.answer(self.send("GET", "/metrics"))[1].decode()
        found = re.search(r'operations_total{op="next_key",result="ok"} (\d+)', metrics)
        return int(found[1]) if found else 0

    def test_who_shuts_down_its_sending_side_gets_its_key(self) -> None:
        self.late()
        connection = self.send("POST", f"{LATE}/keys/next?wait=20s")
        connection.shutdown(socket.SHUT_WR)
        self.open_partner()
        self.assertEqual(self.answer(connection)[0], 200)
        self.assertEqual(connection.recv(1), b"")

    def test_who_is_gone_takes_no_key(self) -> None:
        self.late()
        before = descriptors(self.daemon)
        self.send("POST", f"{LATE}/keys/next?wait=20s").close()
        # The node sent something, or its end were not gone; and it has seen what came of that.
        self.assertTrue(eventually(lambda: self.idle() == 1))
        self.assertTrue(eventually(lambda: descriptors(self.daemon) == before))
        self.open_partner()
        self.assertEqual(self.keys_taken(), 0)
        self.running.ask("POST", f"{LATE}/keys/next", {})
        self.assertEqual(self.keys_taken(), 1)

    def idle(self) -> int:
        """Connections to the node that are established at its end."""
        pattern = f":{self.running.port:04X}"
        with open("/proc/net/tcp", encoding="ascii") as table:
            ends = [line.split()[1:4] for line in table]
        return sum(local.endswith(pattern) and state in {"01", "08"} for local, _, state in ends)

    def test_a_stream_that_was_sent_whole_comes_whole(self) -> None:
        size = 16_000_000  # more than the kernel buffers
        connection = self.send("POST", f"{SHOP}/stream/encrypt", size, "octet-stream")

        def send() -> None:
            connection.sendall(bytes(size))
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        status, sealed = self.answer(connection, slowly=True)
        sender.join()
        self.assertEqual(status, 200)
        self.assertGreater(len(sealed), size)

    def test_one_connection_too_many_is_told_so(self) -> None:
        with ExitStack() as held:
            most = Limits().connections - self.idle()
            for _ in range(most):
                held.enter_context(self.line())
            status, body = self.answer(self.send("GET", "/v2/status"))
            self.assertEqual((status, json.loads(body)["code"]), (503, "too_many_connections"))
        self.assertTrue(eventually(lambda: self.answer(self.send("GET", "/v2/status"))[0] == 200))

    def test_who_waits_when_the_node_is_stopped_is_told_so(self) -> None:
        self.late()
        waiting = [
            self.send("POST", f"{LATE}/encrypt?wait=30s", b'{"plaintext":""}'),
            self.send("GET", f"{LATE}?wait=30s"),
        ]
        events = self.send("GET", "/v2/events")
        heard = http.client.HTTPResponse(events)
        heard.begin()
        time.sleep(0.2)  # let the node read the requests
        began = time.monotonic()
        self.daemon.stop()
        self.assertLess(time.monotonic() - began, Limits().linger + 3)
        for connection in waiting:
            status, body = self.answer(connection)
            self.assertEqual((status, json.loads(body)["code"]), (503, "stopping"))
        heard.read()

    def test_a_stream_of_events_ends_when_its_token_is_revoked(self) -> None:
        tokens = TokenFile(StateDirectory(self.daemon.state))
        self.running.token = tokens.issue("guest", [Scope.ENCRYPT])
        heard = http.client.HTTPResponse(self.send("GET", "/v2/events"))
        heard.begin()
        tokens.revoke("guest")
        began = time.monotonic()
        heard.read()
        self.assertLess(time.monotonic() - began, 5)
