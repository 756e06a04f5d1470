"""A node under an account of its own, with no rights elsewhere."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.endtoend.service import eventually
from tests.system.installation import clean_environment, wheel_environment, workplace

#: Debian's `nobody` and `nogroup`: any account will do, and these need not be made.
USER = 65534


class OwnAccountTests(SynchronousTestCase):
    def setUp(self) -> None:
        if os.geteuid() != 0:
            self.fail("these tests change the user and must be run as root")
        self.home = workplace() / "home"
        self.home.mkdir(mode=0o700, exist_ok=True)
        os.chown(self.home, USER, USER)
        self.state = self.home / "state"

    def start(self, *command: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            command,
            cwd=self.home,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"]},
        )
        self.addCleanup(self.end, process)
        return process

    def end(self, process: "subprocess.Popen[str]") -> None:
        process.terminate()
        output, _ = process.communicate(timeout=20)
        self.assertNotIn("Traceback", output)
        self.assertIn("Server Shut Down", output)

    def assertServes(self) -> None:
        self.assertTrue(eventually((self.state / "ports.json").exists, 20))
        port = json.loads((self.state / "ports.json").read_text())["api"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/options/test-ok") as answer:
            self.assertEqual(answer.read(), b"ok")

    def twistd(self, *options: str) -> tuple[str, ...]:
        program = str(wheel_environment().path / "bin" / "twistd")
        ports = ("--api-port", "0", "--listen-port", "0", "--state-dir", str(self.state))
        return (program, "-n", "--pidfile=", *options, "dynamicrypt", *ports)

    def test_started_under_the_account(self) -> None:
        user = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs")
        process = self.start(*user, *self.twistd())
        self.assertServes()
        status = Path(f"/proc/{process.pid}/status").read_text()
        self.assertIn(f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}\n", status)
        for file in (self.state, *self.state.iterdir()):
            self.assertEqual((file.stat().st_uid, file.stat().st_mode & 0o077), (USER, 0), file)

    def test_root_may_not_use_the_accounts_state_by_mistake(self) -> None:
        self.state.mkdir(mode=0o700, exist_ok=True)
        os.chown(self.state, USER, USER)
        done = subprocess.run(
            self.twistd(),
            cwd=self.home,
            env=clean_environment(),
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("dynamicrypt: error: ", done.stderr)
