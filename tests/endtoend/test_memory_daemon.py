"""Secrets of a service that has become a daemon: forked away, under its own limits."""

import os
import resource
import signal
import subprocess
from pathlib import Path

from dynamicrypt.demo.daemon import TWISTD, Daemon
from tests.endtoend.service import (
    ServiceTestCase,
    WiredApplication,
    at_once,
    eventually,
    make_known,
)
from tests.foreign.application import Application, introduce


class DaemonModeTests(ServiceTestCase):
    """Secret memory does not go over to forked children, so none may be taken before the fork."""

    def setUp(self) -> None:
        top = self.state()
        self.states = [top / "north", top / "south"]
        for state in self.states:
            state.mkdir(mode=0o700)
        make_known((self.states[0], self.states[1]))
        self.pids = at_once(self.daemonise, self.states)

    def daemonise(self, state: Path) -> int:
        pid_file = state / "twistd.pid"
        places = (f"--pidfile={pid_file}", f"--logfile={state / 'log'}", f"--rundir={state}")
        ports = ("--api-port", "0", "--listen-port", "0", "--thesis-port", "0")
        options = (*ports, "--api-auth", "none", "--profile", "fast", "--state-dir", str(state))
        subprocess.run((*TWISTD, *places, "dynamicrypt", *options), check=True, timeout=30)
        self.assertTrue(eventually((state / "ports.json").exists, 20))
        pid = int(pid_file.read_text())
        self.addCleanup(self.see_off, pid)
        self.addCleanup(os.kill, pid, signal.SIGTERM)
        return pid

    def see_off(self, pid: int) -> None:
        self.assertTrue(eventually(lambda: not running(pid), 20))

    def applications(self, wire: int) -> tuple[Application, Application]:
        """Two that have met on this wire."""
        alice, bob = (self.wired(state, wire) for state in self.states)
        self.assertTrue(introduce(alice, bob, (f"alice{wire}", f"bob{wire}")))
        return alice, bob

    def wired(self, state: Path, wire: int) -> Application:
        node = Daemon(state)
        node.find_ports()
        application = WiredApplication(node.api_port, None, wire)
        self.addCleanup(application.close)
        return application

    def test_channels_of_both_wires_run(self) -> None:
        for wire in (1, 2):
            alice, bob = self.applications(wire)
            for mode in (1, 2):
                for sender, receiver in ((alice, bob), (bob, alice)):
                    sealed = sender.patiently("hello", mode)
                    self.assertEqual(receiver.decrypt(sealed), {"message": "hello", "mode": mode})
        for state, pid in zip(self.states, self.pids, strict=True):
            log = (state / "log").read_text()
            self.assertEqual(log.count("secrets are in memory protection=secret"), 1)
            self.assertNotIn("not all secrets", log)
            self.assertNotIn("Traceback", log)
            self.assertEqual(resource.prlimit(pid, resource.RLIMIT_CORE), (0, 0))
            # What proc(5) says of processes that are not dumpable: they belong to root.
            self.assertEqual(Path(f"/proc/{pid}/mem").stat().st_uid, 0)


def running(pid: int) -> bool:
    """Whether a process has not ended; one whose parent has not noticed has no command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False
