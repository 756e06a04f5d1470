"""REST v2 of a node that runs: real sockets, real processes, and what strangers' tools find."""

import http.client
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dynamicrypt.access.issued import TokenFile
from dynamicrypt.access.tokens import Scope
from dynamicrypt.demo.daemon import Daemon
from dynamicrypt.peer.statedir import StateDirectory
from tests.endtoend.service import GROWTH_BYTES, ServiceTestCase, eventually, resident_bytes
from tests.rest.running import BANK, HOST, SHOP, RunningNode

HERE = Path(__file__).parent
HOOKS = "tests.rest.schemathesis_hooks"
#: Request timeouts and event streams that never end do not go together.
NOT_TESTED = "/v2/events"


class StreamTests(ServiceTestCase):
    def test_a_body_passes_in_constant_memory(self) -> None:
        daemon = self.node()
        node = RunningNode(daemon)
        self.assertTrue(node.there_and_back(2**20, lambda: None))
        before, peak = resident_bytes(daemon), 0

        def watch() -> None:
            nonlocal peak
            peak = max(peak, resident_bytes(daemon))

        self.assertTrue(node.there_and_back(48 * 2**20, watch))
        self.assertLess(peak - before, 2 * GROWTH_BYTES)

    def test_bodies_of_every_length_come_back(self) -> None:
        node = RunningNode(self.node())
        for size in (0, 1, 65535, 65536, 65537, 1_000_000):
            self.assertTrue(node.there_and_back(size, lambda: None), size)

    def test_a_part_is_never_taken_for_the_whole_and_why_it_broke_is_told(self) -> None:
        node = RunningNode(self.node())
        changes: tuple[Callable[[bytes], bytes], ...] = (
            lambda sealed: sealed[:-1],
            lambda sealed: sealed[:200_000],
            lambda sealed: sealed[:150_000] + sealed[150_001:],
        )
        for change in changes:
            sealed = b"".join(node.stream(SHOP + "/stream/encrypt", iter([bytes(300_000)])))
            opened = node.stream(BANK + "/stream/decrypt", iter([change(sealed)]))
            self.assertRaises(http.client.IncompleteRead, b"".join, opened)
            last = node.ask("GET", BANK + "/streams")["streams"][0]
            self.assertEqual(last["problem"]["code"], "bad_ciphertext")


class SocketTests(ServiceTestCase):
    def socket_path(self) -> str:
        """Where a socket may be: its path has at most 108 bytes (unix(7))."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return f"{directory.name}/api"

    def ask(self, path: str, target: str, **headers: str) -> tuple[int, bytes]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            head = f"{target} HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n"
            connection.sendall(head.encode())
            response = http.client.HTTPResponse(connection)
            response.begin()
            return response.status, response.read()

    def test_the_user_of_the_node_needs_no_token(self) -> None:
        path = self.socket_path()
        node = self.node("--api-socket", path, "--api-auth", "none")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(self.ask(path, "PUT /v2/services/mine")[0], 201)
        self.assertEqual(self.ask(path, "GET /v2/services"), (200, b'{"services":["mine"]}'))
        wrong = self.ask(path, "GET /v2/services", Authorization="Bearer nobody")
        self.assertEqual(wrong[0], 401)
        # To the owner's token, over TCP, the service is another's; and without one there is none.
        connection = http.client.HTTPConnection(HOST, node.api_port)
        token = (node.state / "token").read_text().strip()
        for headers, status, body in (
            ({"Authorization": f"Bearer {token}"}, 200, b'{"services":[]}'),
            ({}, 401, None),
        ):
            connection.request("GET", "/v2/services", headers=headers)
            response = connection.getresponse()
            content = response.read()
            self.assertEqual(response.status, status)
            self.assertIn(content if body is None else body, {content})
        connection.close()
        node.stop()
        self.assertFalse(os.path.exists(path))

    def test_a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not(self) -> None:
        path = self.socket_path()
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)
        self.node("--api-socket", path)
        self.assertEqual(self.ask(path, "GET /healthz"), (200, b"ok\n"))
        second = Daemon(self.state(), "--api-socket", path)
        second.launch()
        self.assertEqual(second.wait(30), 1)
        self.assertIn("cannot listen on", second.log)
        self.assertEqual(self.ask(path, "GET /healthz"), (200, b"ok\n"))


class LifeTests(ServiceTestCase):
    def test_services_and_channels_outlive_the_process_and_keys_do_not(self) -> None:
        daemon = self.node()
        node = RunningNode(daemon)
        sealed = node.ask("POST", SHOP + "/encrypt", {"plaintext": "eA=="})
        self.end(daemon)
        again = Daemon(daemon.state)
        again.start()
        self.addCleanup(self.end, again)
        node = RunningNode(again)
        self.assertEqual(node.ask("GET", "/v2/services"), {"services": ["shop", "bank"]})
        path = SHOP.replace("shop", "x").replace("bank", "shop").replace("x", "bank")
        error = self.assertRaises(
            RuntimeError, node.ask, "POST", path + "/decrypt", {"ciphertext": sealed["ciphertext"]}
        )
        self.assertIn("unknown_key", str(error))

    def test_a_token_that_is_issued_while_the_node_runs_is_known_soon(self) -> None:
        daemon = self.node()
        node = RunningNode(daemon)
        file = TokenFile(StateDirectory(daemon.state))
        node.token = file.issue("mail", [Scope.ENCRYPT])
        self.assertTrue(eventually(lambda: self.knows(node)))
        file.revoke("mail")
        self.assertTrue(eventually(lambda: not self.knows(node)))

    def knows(self, node: RunningNode) -> bool:
        try:
            node.ask("GET", "/v2/services")
        except RuntimeError:
            return False
        return True

    def test_events_are_heard_over_a_socket_and_resumed(self) -> None:
        node = RunningNode(self.node())
        heard = self.listen(node, 4)
        kinds = [event["event"] for event in heard]
        self.assertLessEqual(set(kinds), {"channel-up", "key-ready", "key-low"})
        last = heard[1]["id"]
        self.assertEqual(self.listen(node, 2, **{"Last-Event-ID": last}), heard[2:])

    def listen(self, node: RunningNode, count: int, **headers: str) -> list[dict[str, Any]]:
        """The first events of a stream, from the node's first on."""
        first = {"Last-Event-ID": "00000000-0"} | headers
        connection = http.client.HTTPConnection(HOST, node.port, timeout=30)
        given = {"Authorization": f"Bearer {node.token}", **first}
        connection.request("GET", "/v2/events", headers=given)
        response = connection.getresponse()
        events: list[dict[str, Any]] = [{}]
        while len(events) <= count:
            line = response.readline().decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                events[-1][name] = value
            elif "id" in events[-1]:
                events.append({})
            else:
                events[-1] = {}
        connection.close()
        return events[:count]


class SchemathesisTests(ServiceTestCase):
    """Requests made from our own description, by a tool that knows nothing else of us."""

    def run_tool(self, node: RunningNode, config: str, *options: str) -> None:
        """Run every check; its output is shown only if one fails."""
        command = [str(Path(sys.executable).with_name("st")), "--config-file", str(HERE / config)]
        target = f"http://{HOST}:{node.port}/v2/openapi.json"
        fixed = ["-c", "all", "--exclude-path", NOT_TESTED, "--seed", "4", "--warnings", "off"]
        prompt = ["--request-timeout", "30", "--max-response-time", "10"]
        ran = subprocess.run(
            [*command, "run", target, *fixed, *prompt, *options],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.state(),
            env=os.environ | {"NO_COLOR": "1", "SCHEMATHESIS_HOOKS": HOOKS},
        )
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_with_a_token_nothing_is_found(self) -> None:
        node = RunningNode(self.node())
        bearer = ("-H", f"Authorization: Bearer {node.token}")
        self.run_tool(node, "schemathesis.toml", *bearer, "-n", "10")

    def test_on_a_running_channel_nothing_is_found(self) -> None:
        node = RunningNode(self.node())
        bearer = ("-H", f"Authorization: Bearer {node.token}")
        self.run_tool(
            node, "schemathesis-channel.toml", *bearer, "-n", "15", "--exclude-method", "DELETE"
        )

    def test_without_a_token_nothing_is_found(self) -> None:
        node = RunningNode(self.node())
        self.run_tool(node, "schemathesis.toml", "-n", "5")
