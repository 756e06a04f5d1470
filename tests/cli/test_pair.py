"""`dynamicrypt pair` between two processes, over loopback."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.cli import pair
from dynamicrypt.cli.speech import Exit
from dynamicrypt.peer.pairing_code import MAX_CODES, CodeAllowance
from dynamicrypt.peer.peers import is_name
from dynamicrypt.peer.statedir import StateDirectory
from tests.cli.shell import Said, Shell

#: Seconds that a process may take; one that hangs fails its test.
PATIENCE = 60
LOOPBACK = "127.0.0.1"


class Waiting:
    """A process that waits for the other node, and what it printed first."""

    def __init__(self, state: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dynamicrypt.cli", "pair", "--port", "0", "--json",
             "--interface", LOOPBACK, "--state-dir", str(state), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.event: Any = json.loads(self.process.stdout.readline() or "{}")

    def end(self) -> Said:
        out, err = self.process.communicate(timeout=PATIENCE)
        return Said(out=out, err=err, status=self.process.returncode)


class PairCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.alice = Shell(Path(self.mktemp()))
        self.bob = Shell(Path(self.mktemp()))

    def wait(self, *words: str) -> Waiting:
        waiting = Waiting(self.bob.state, *words)
        self.addCleanup(waiting.process.wait, PATIENCE)
        self.addCleanup(waiting.process.kill)
        return waiting

    def dial(self, port: int, code: str, *words: str) -> Said:
        run = subprocess.run(
            [sys.executable, "-m", "dynamicrypt.cli", "pair", f"{LOOPBACK}:{port}", code,
             "--state-dir", str(self.alice.state), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )  # fmt: skip
        return Said(out=run.stdout, err=run.stderr, status=run.returncode)

    def test_two_new_nodes_know_each_other_afterwards(self) -> None:
        waiting = self.wait("--name", "bob", "--link-port", "0")
        code = waiting.event["code"]
        dialled = self.dial(
            waiting.event["port"], code.upper(), "--name", "alice", "--link-port", "7001"
        )
        waited = waiting.end()
        self.assertEqual((dialled.status, waited.status), (0, 0), dialled.err + waited.err)
        self.assertTrue(dialled.out.startswith("paired with bob, which dials us\n"))
        self.assertEqual(waited.data["peer"]["address"], f"{LOOPBACK}:7001")
        (bob,) = self.alice.run("peer", "list", "--json").data
        (alice,) = self.bob.run("peer", "list", "--json").data
        for known, shell, name in ((bob, self.bob, "bob"), (alice, self.alice, "alice")):
            self.assertEqual(known["name"], name)
            self.assertEqual(known["fingerprint"], shell.run("fingerprint").out.strip())

    def test_a_wrong_code_is_told_on_both_hosts(self) -> None:
        waiting = self.wait()
        right = waiting.event["code"]
        wrong = "000-000" if right != "000-000" else "000-012"
        dialled = self.dial(waiting.event["port"], wrong)
        waited = waiting.end()
        for said in (dialled, waited):
            self.assertEqual(said.status, Exit.AUTHENTICATION, said.err)
            self.assertIn("dynamicrypt: error: the ", said.err)
            self.assertIn("dynamicrypt: hint: it is void: make a new one.", said.err)
            self.assertNotIn(right, said.err)
        for shell in (self.alice, self.bob):
            self.assertEqual(shell.run("peer", "list", "--json").data, [])

    def test_an_interrupt_ends_the_waiting_without_a_traceback(self) -> None:
        waiting = self.wait()
        waiting.process.send_signal(2)
        said = waiting.end()
        self.assertEqual((said.err, said.status), ("dynamicrypt: error: interrupted\n", 1))

    def test_a_taken_port_is_said(self) -> None:
        with socket.create_server((LOOPBACK, 0)) as holder:
            port = str(holder.getsockname()[1])
            said = self.wait("--port", port).end()
        self.assertEqual(said.status, Exit.FAILED)
        self.assertIn("hint: stop what holds it", said.err)

    def test_an_unreachable_host_is_said(self) -> None:
        with socket.create_server((LOOPBACK, 0)) as holder:
            port = holder.getsockname()[1]
        self.assertEqual(self.dial(port, "000-000").status, Exit.UNAVAILABLE)

    def test_five_codes_an_hour_are_the_limit(self) -> None:
        directory = StateDirectory(self.bob.state, create=True)
        for _ in range(MAX_CODES):
            CodeAllowance(directory, time.time).take()
        said = self.bob.run("pair")
        self.assertEqual(said.status, Exit.UNAVAILABLE)
        self.assertIn("error: 5 codes were made; the next in", said.err)

    def test_what_is_mistyped_is_found_before_anything_is_sent(self) -> None:
        for words in (["nowhere", "000-000"], ["localhost:1", "000-001"], ["localhost:1", "abc"]):
            said = self.alice.run("pair", *words)
            self.assertEqual(said.status, Exit.USAGE)
        self.assertFalse(self.alice.state.exists())

    def test_a_nodes_name_is_made_from_the_hosts(self) -> None:
        for host, name in (
            ("Berlin.example.org", "berlin"),
            ("my host!", "my-host"),
            ("---", "node"),
            ("b" * 80, "b" * 63),
            ("höst", "h-st"),
        ):
            with mock.patch.object(socket, "gethostname", return_value=host):
                self.assertEqual(pair.host_name(), name)
            self.assertTrue(is_name(name))
