"""Two running nodes, all of whose secrets the tests know; see tests.witness."""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from dynamicrypt.demo.daemon import Daemon
from tests.endtoend.service import ServiceTestCase, WiredApplication, at_once, make_known
from tests.foreign.application import introduce
from tests.witness import Testimony, hearing

PROGRAM = (sys.executable, "-m", "tests.witness")
#: So long (s) without news, and the machines rest.
QUIET = 0.25


class Watched(Daemon):
    """A node whose secrets are told."""

    def __init__(
        self, state: Path, *options: str, program: tuple[str, ...], environment: Mapping[str, str]
    ) -> None:
        self.report = state / "witness"
        known = {"WITNESS": str(self.report)}
        super().__init__(state, *options, program=program, environment={**environment, **known})

    @property
    def token(self) -> str:
        return (self.state / "token").read_text().strip()

    def heard(self) -> list[Testimony]:
        """Everything that it was told so far."""
        return hearing(self.report.read_bytes())

    def rest(self, seconds: float = 20.0) -> None:
        """Wait until no more keys are made."""
        deadline = time.monotonic() + seconds
        last, since = -1, time.monotonic()
        while time.monotonic() < since + QUIET:
            size = self.report.stat().st_size
            if size != last:
                last, since = size, time.monotonic()
            if time.monotonic() > deadline:
                raise AssertionError("the machines do not rest")
            time.sleep(0.02)


class WatchedTestCase(ServiceTestCase):
    """Has two nodes that know each other, each with an application, and lets them talk."""

    def start(
        self,
        *options: str,
        program: tuple[str, ...] = PROGRAM,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        top = self.state()
        states = (top / "north", top / "south")
        for directory in states:
            directory.mkdir(mode=0o700)
        make_known(states)
        self.nodes = [
            Watched(directory, *options, program=program, environment=environment or {})
            for directory in states
        ]
        at_once(Daemon.start, self.nodes)
        for node in self.nodes:
            self.addCleanup(self.end, node)
        self.alice, self.bob = (self.application(node, node.token) for node in self.nodes)

    def wired(self, wire: int) -> None:
        """Other applications, for this wire."""
        self.alice, self.bob = (
            WiredApplication(node.api_port, node.token, wire) for node in self.nodes
        )
        for application in (self.alice, self.bob):
            self.addCleanup(application.close)

    def talk(self, messages: list[str], mode: int) -> None:
        """Each side sends every message to the other."""
        for message in messages:
            for sender, receiver in ((self.alice, self.bob), (self.bob, self.alice)):
                sealed = sender.patiently(message, mode)
                self.assertEqual(receiver.decrypt(sealed), {"message": message, "mode": mode})

    def converse(self, messages: list[str]) -> None:
        """Introduce the two to each other and let them talk in both modes."""
        self.assertTrue(introduce(self.alice, self.bob, ("alice", "bob")))
        for mode in (1, 2):
            self.talk(messages, mode)

    def settle(self) -> None:
        """Let the applications hang up and the machines rest."""
        for application in (self.alice, self.bob):
            application.close()
        for node in self.nodes:
            node.rest()


def by_kind(testimonies: list[Testimony]) -> dict[str, dict[bytes, bytes]]:
    """The secrets of each kind, by whose they are; of several with one name the last."""
    kinds: dict[str, dict[bytes, bytes]] = defaultdict(dict)
    for kind, name, secret in testimonies:
        kinds[kind][name] = secret
    return kinds


def messages(count: int) -> list[str]:
    """Texts that are nowhere else, in no process and on no disk."""
    return [f"the eagle lands at {os.urandom(16).hex()}" for _ in range(count)]
