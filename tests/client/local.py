"""A running node on which two applications share a channel, which needs no second one."""

from __future__ import annotations

from pathlib import Path

from dynamicrypt.client import Channel, DynamiCrypt
from tests.endtoend.service import ServiceTestCase

#: A key comes within a second; the rest is for a machine that is busy with other things.
READY_SECONDS = 30.0


class LocalCase(ServiceTestCase):
    """`alice` and `bob` are services of one node and partners of each other."""

    options: tuple[str, ...] = ("--profile", "fast")

    def setUp(self) -> None:
        self.running = self.node(*self.options)
        self.client = self.client_of(self.running.state)
        own = self.client.status().fingerprint
        self.client.create_service("alice")
        self.client.create_service("bob")
        self.alice = self.client.open_channel("alice", "bob", peer=own)
        self.bob = self.client.open_channel("bob", "alice", peer=own)
        for channel in (self.alice, self.bob):
            self.assertTrue(channel.wait(READY_SECONDS).ready)

    def client_of(self, state: Path, **more: float) -> DynamiCrypt:
        client = DynamiCrypt(state_dir=state, **more)  # type: ignore[arg-type]  # seconds only
        self.addCleanup(client.close)
        return client

    def channels(self, client: DynamiCrypt) -> tuple[Channel, Channel]:
        return client.channel("alice", "bob"), client.channel("bob", "alice")


def peak_bytes(pid: int) -> int:
    """The most memory that the program of a process ever had; 0 when it has ended.

    What wait4 tells of a child begins with what its parent had.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    found = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) * 1024 if found else 0
