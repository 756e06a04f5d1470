"""Secrets of a service that has become a daemon: forked away, under its own limits."""

import os
import resource
import signal
import subprocess
from pathlib import Path

from dynamicrypt.demo.acquaintance import introduce as make_known
from dynamicrypt.demo.daemon import TWISTD, Daemon
from tests.endtoend.service import ServiceTestCase, eventually
from tests.foreign.application import Application, introduce


class DaemonModeTests(ServiceTestCase):
    """Secret memory does not go over to forked children, so none may be taken before the fork."""

    def setUp(self) -> None:
        top = self.state()
        self.states = [top / "north", top / "south"]
        for state in self.states:
            state.mkdir(mode=0o700)
        make_known((self.states[0], self.states[1]))
        self.pids = [self.daemonise(state) for state in self.states]

    def daemonise(self, state: Path) -> int:
        pid_file = state / "twistd.pid"
        places = (f"--pidfile={pid_file}", f"--logfile={state / 'log'}", f"--rundir={state}")
        ports = ("--api-port", "0", "--listen-port", "0", "--thesis-port", "0")
        options = (*ports, "--api-auth", "none", "--profile", "fast", "--state-dir", str(state))
        subprocess.run((*TWISTD, *places, "dynamicrypt", *options), check=True, timeout=30)
        self.assertTrue(eventually((state / "ports.json").exists, 20))
        pid = int(pid_file.read_text())
        self.addCleanup(self.kill, pid)
        return pid

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGTERM)
        self.assertTrue(eventually(lambda: not Path(f"/proc/{pid}").exists(), 20))

    def applications(self, wire: int) -> tuple[Application, Application]:
        """Two that have met on this wire."""
        alice, bob = (self.wired(state, wire) for state in self.states)
        self.assertTrue(introduce(alice, bob, (f"alice{wire}", f"bob{wire}")))
        return alice, bob

    def wired(self, state: Path, wire: int) -> Application:
        node = Daemon(state)
        node.find_ports()
        application = WiredApplication(node.api_port, wire)
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


class WiredApplication(Application):
    """Names the wire that it wants."""

    def __init__(self, port: int, wire: int) -> None:
        super().__init__(port)
        self.wire = wire

    def post(self, option: str, **fields: object) -> dict[str, object]:
        more = {"wire": self.wire} if option == "init" else {}
        return super().post(option, **fields, **more)
