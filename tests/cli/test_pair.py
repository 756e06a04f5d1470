"""`dynamicrypt pair` between two processes, over loopback."""

import io
import json
import socket
import subprocess
import sys
import time
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.cli.announced import announced
from dynamicrypt.cli.speech import Exit
from dynamicrypt.peer import fingerprint as fingerprints
from dynamicrypt.peer.host_name import as_name
from dynamicrypt.peer.pairing import Announcement
from dynamicrypt.peer.pairing_code import MAX_CODES, CodeAllowance
from dynamicrypt.peer.peers import LINK_PORT, is_name
from dynamicrypt.peer.statedir import StateDirectory
from tests.cli.shell import Said, Shell
from tests.endtoend.service import ServiceTestCase

#: Seconds that a process may take; one that hangs fails its test.
PATIENCE = 60
LOOPBACK = "127.0.0.1"


def announce(
    state: Path, own: bytes, *, name: str | None = None, port: int | None = None
) -> Announcement:
    """What is told, without what is said of it."""
    with redirect_stderr(io.StringIO()):
        return announced(state, own, name=name, port=port)


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
        self.assertEqual(said.status, Exit.FAILED)
        self.assertTrue(said.err.endswith("\ndynamicrypt: error: interrupted\n"), said.err)
        self.assertNotIn("Traceback", said.err)

    def test_a_taken_port_is_said(self) -> None:
        with socket.create_server((LOOPBACK, 0)) as holder:
            port = str(holder.getsockname()[1])
            said = self.wait("--port", port).end()
        self.assertEqual(said.status, Exit.FAILED)
        self.assertIn("hint: stop what holds it", said.err)

    def test_where_nobody_waits_the_hint_is_to_run_the_command_there(self) -> None:
        with socket.create_server((LOOPBACK, 0)) as holder:
            port = holder.getsockname()[1]
        said = self.dial(port, "000-000")
        self.assertEqual(said.status, Exit.UNAVAILABLE)
        self.assertIn(f"error: nobody waits at {LOOPBACK}:{port} for a pairing\n", said.err)
        self.assertIn("hint: run `dynamicrypt pair` there first", said.err)

    def test_it_tells_where_it_waits(self) -> None:
        self.assertEqual(self.wait().event["host"], LOOPBACK)

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
                told = announce(self.alice.state, bytes(32))
            self.assertEqual((told.name, told.port), (name, LINK_PORT))
            self.assertTrue(is_name(name))

    def test_a_name_of_a_node_keeps_its_dots(self) -> None:
        self.assertEqual(as_name("Rack.7"), "rack.7")


class PairOfRunningNodesTests(ServiceTestCase):
    def test_a_node_is_told_by_its_own_name_and_port(self) -> None:
        running = self.node("--name", "north")
        shell = Shell(running.state)
        own = fingerprints.read(shell.run("fingerprint").out)
        told = announce(running.state, own)
        self.assertEqual(told, Announcement(name="north", port=running.link_port))
        told = announce(running.state, own, name="n", port=0)
        self.assertEqual(told, Announcement(name="n", port=0))
        # Who left its ports behind is not confused with who has them now.
        told = announce(running.state, bytes(32))
        self.assertNotEqual(told.name, "north")

    def test_a_port_where_no_pairing_waits_is_said(self) -> None:
        running = self.node()
        other = Shell(Path(self.mktemp()))
        said = subprocess.run(
            [sys.executable, "-m", "dynamicrypt.cli", "pair", f"{LOOPBACK}:{running.link_port}",
             "000-000", "--state-dir", str(other.state)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )  # fmt: skip
        self.assertEqual(said.returncode, Exit.FAILED)
        self.assertIn(f"{LOOPBACK}:{running.link_port}, but no pairing\n", said.stderr)
        self.assertIn("hint: run `dynamicrypt pair` there", said.stderr)
