"""Two nodes as processes, which share a channel through a network that can be made a bad one."""

import http.client
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynamicrypt.demo.acquaintance import COMMAND
from dynamicrypt.demo.daemon import Daemon
from tests.inspectable import PROGRAM

HOST = "127.0.0.1"
NAMES = ("north", "south")
#: A re-dial waits for 30 s at most, and then the machines need a moment.
HEALING_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class Death:
    """A process was killed, and when: then another runs, and its peer knows that it is another."""

    side: int
    killed: float
    revived: float = math.inf
    noticed: float = math.inf


class Network:
    """The relay before a node, a process of its own."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.relay", f"{HOST}:{port}", "--obey"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def order(self, what: str) -> None:
        """See `tests.relay`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Close it."""
        self._process.communicate()


class TwoProcesses:
    """`north` and `south`, each with a service of its own name and a channel to the other's.

    `deaths` are those of both so far; `lost_logs` holds the logs of the processes that died.
    """

    def __init__(self, place: Path, profile: str) -> None:
        self.deaths: list[Death] = []
        self.lost_logs: list[Daemon] = []
        self._options = ("--profile", profile)
        self.nodes: list[Daemon] = []
        self.networks: list[Network] = []
        fingerprints = []
        for name in NAMES:
            state = place / name
            state.mkdir(mode=0o700)
            fingerprints.append(self._command("init", "--state-dir", str(state)))
            self.nodes.append(Daemon(state, *self._options, program=PROGRAM))
        for node in self.nodes:
            node.start()
            self.networks.append(Network(node.link_port))
        for side, node in enumerate(self.nodes):
            port = self.networks[1 - side].port
            peer = (NAMES[1 - side], fingerprints[1 - side], f"{HOST}:{port}")
            self._command("peer", "add", *peer, "--state-dir", str(node.state))
        for side in (0, 1):
            caller = Caller(self, side)
            caller.ask("PUT", f"/v2/services/{NAMES[side]}")
            caller.ask("PUT", caller.channel, {"peer": NAMES[1 - side]})
            caller.close()
        for side in (0, 1):
            self.until_ready(side)

    def until_ready(self, side: int) -> None:
        """Wait until a node has keys; RuntimeError where it does not get any."""
        caller, ends = Caller(self, side), time.monotonic() + HEALING_SECONDS
        while not caller.ask("GET", f"{caller.channel}?wait=5s")[1]["keys"]["free"]:
            if time.monotonic() > ends:
                raise RuntimeError(f"{NAMES[side]} gets no keys")
        caller.close()

    def order(self, what: str) -> None:
        """Do this to the network, both ways."""
        for network in self.networks:
            network.order(what)

    def kill(self, side: int) -> None:
        """Kill a node and start it again; returns when the other one knows of it."""
        old, other = self.nodes[side], self.nodes[1 - side]
        known = sum("was restarted" in line.text for line in other.lines)
        death = Death(side=side, killed=time.monotonic())
        self.deaths.append(death)
        os.kill(old.pid, signal.SIGKILL)
        old.stop()
        self.lost_logs.append(old)
        ports = ("--api-port", str(old.api_port), "--listen-port", str(old.link_port))
        new = Daemon(old.state, *self._options, *ports, program=PROGRAM)
        new.start()
        self.nodes[side] = new
        death.revived = time.monotonic()
        other.wait_for("was restarted", HEALING_SECONDS, times=known + 1)
        death.noticed = time.monotonic()

    def died_since(self, side: int, moment: float) -> bool:
        """Whether a node died after this moment, or was not yet revived by then."""
        return any(death.side == side and moment <= death.revived for death in self.deaths)

    def may_have_lost(self, sealed: float, opened: float) -> bool:
        """Whether the key of a message may have died with a process.

        `sealed` is a moment before it was sealed, `opened` one after the attempt to open it. Until
        the sender knows of its partner's death it goes on to seal under the keys that died.
        """
        return any(death.killed <= opened and sealed <= death.noticed for death in self.deaths)

    def end_network(self) -> None:
        """Close the relays."""
        for network in self.networks:
            network.end()

    @staticmethod
    def _command(*arguments: str) -> str:
        done = subprocess.run(
            (*COMMAND, *arguments), check=True, capture_output=True, text=True, timeout=30
        )
        return done.stdout.strip()


class Caller:
    """A connection of an application to one of the nodes; `answered` is when it last had news."""

    def __init__(self, nodes: TwoProcesses, side: int) -> None:
        self.side = side
        self.answered = time.monotonic()
        self.channel = f"/v2/services/{NAMES[side]}/channels/{NAMES[1 - side]}"
        node = nodes.nodes[side]
        self._token = (node.state / "token").read_text().strip()
        self._connection = http.client.HTTPConnection(HOST, node.api_port, timeout=60)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Status and content of the answer; ConnectionError where there is none."""
        content = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            self._connection.request(method, path, content, headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (ConnectionError, http.client.HTTPException) as error:
            self._connection.close()
            raise ConnectionError(f"no answer: {error!r}") from None
        self.answered = time.monotonic()
        return response.status, json.loads(answer) if answer else None

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
