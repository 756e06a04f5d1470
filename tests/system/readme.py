"""The commands of the README, run as they stand but for ports and place."""

import os
import re
import socket
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from tests.system.installation import ROOT, wheel_environment, workplace

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = ("9081", "9082", "9091", "9092")


def free_ports(number: int) -> list[str]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [str(server.getsockname()[1]) for server in held]
    for server in held:
        server.close()
    return ports


class ReadmeTests(SynchronousTestCase):
    def test_five_minutes_for_an_application_developer(self) -> None:
        script = "".join(BLOCK.findall((ROOT / "README.md").read_text()))
        for port, free in zip(PORTS, free_ports(len(PORTS)), strict=True):
            self.assertIn(port, script)
            script = script.replace(port, free)
        place = workplace() / "readme"
        place.mkdir()
        path = f"{wheel_environment().path / 'bin'}:{os.environ['PATH']}"
        ended = "trap 'kill $(jobs -p); wait' EXIT\nset -eu\n"
        done = subprocess.run(
            ["bash", "-c", ended + script],
            cwd=place,
            env={"PATH": path, "HOME": str(place)},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.stderr, "")
        answers = re.findall(r"\{.*?\}", done.stdout)
        self.assertEqual(answers[2:5], ['{"status":1}'] * 3, done.stdout)
        self.assertEqual(answers[-1], '{"message":"hello","mode":2}')
