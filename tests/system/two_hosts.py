"""Two hosts and the network between them: namespaces of the kernel, with a router that can fail."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from dynamicrypt.demo.daemon import Daemon
from tests.system.rest import Rest

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
LINK_PORT = 9082
NORTH, SOUTH, MOVED = "10.213.1.2", "10.213.2.2", "10.213.2.3"
GATEWAYS = {NORTH: "10.213.1.1", SOUTH: "10.213.2.1"}

_libc = ctypes.CDLL(None, use_errno=True)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def ip(*words: str) -> None:
    """One command of iproute2; its words are the error if it fails."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"ip {' '.join(words)}: {done.stderr}")


class Namespace:
    """A network of its own. Threads that are `inside` use it, and processes that they start."""

    def __init__(self, name: str) -> None:
        self.name = f"dynamicrypt-{os.getpid()}-{name}"
        ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words: str) -> None:
        """A command of iproute2 inside."""
        ip("-n", self.name, *words)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """For the calling thread."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            try:
                _enter(there)
            finally:
                os.close(there)
            yield
        finally:
            _enter(own)
            os.close(own)

    def close(self) -> None:
        """Delete it, and the cables that end in it."""
        ip("netns", "delete", self.name)


class Network:
    """`north` and `south`, each with a cable to `router`, which drops everything while cut.

    No side is told of a cut: cables stay up, and no ICMP says that anybody is unreachable.
    """

    def __init__(self) -> None:
        self.router = Namespace("router")
        self.hosts = {NORTH: Namespace("north"), SOUTH: Namespace("south")}
        for number, (address, host) in enumerate(self.hosts.items()):
            cable = f"dyc{os.getpid() % 10**7}.{number}"
            self.router.ip("link", "add", cable, "type", "veth", "peer", "eth0", "netns", host.name)
            host.ip("address", "add", f"{address}/24", "dev", "eth0")
            host.ip("link", "set", "eth0", "up")
            self.router.ip("address", "add", f"{GATEWAYS[address]}/24", "dev", cable)
            self.router.ip("link", "set", cable, "up")
            host.ip("route", "add", "default", "via", GATEWAYS[address])
        self.mend()

    def cut(self) -> None:
        """Drop every packet between the hosts."""
        self._forward("0")

    def mend(self) -> None:
        """Let packets pass."""
        self._forward("1")

    def move_south(self) -> None:
        """South gets another address and loses its old one."""
        south = self.hosts[SOUTH]
        south.ip("address", "add", f"{MOVED}/24", "dev", "eth0")
        south.ip("address", "delete", f"{SOUTH}/24", "dev", "eth0")
        # The kernel takes the other addresses of the subnet and the routes along.
        south.ip("address", "replace", f"{MOVED}/24", "dev", "eth0")
        south.ip("route", "replace", "default", "via", GATEWAYS[SOUTH])

    def close(self) -> None:
        """Delete everything."""
        for namespace in (*self.hosts.values(), self.router):
            namespace.close()

    def _forward(self, value: str) -> None:
        with self.router.inside():
            Path("/proc/sys/net/ipv4/ip_forward").write_text(value)


class Host:
    """A host with a node of that name, which serves one channel: `service` with `partner`."""

    def __init__(self, network: Namespace, address: str, state: Path, *, service: str) -> None:
        self.network = network
        self.address = address
        self.state = state
        self.service = service
        self.daemon: Any = None

    def start(self, *options: str) -> None:
        """Start the daemon, on the same ports each time."""
        interface = ("--listen-interface", self.address, "--listen-port", str(LINK_PORT))
        self.daemon = Daemon(self.state, *interface, "--name", self.state.name, *options)
        with self.network.inside():
            self.daemon.start()

    def kill(self) -> None:
        """End the daemon as the kernel would when memory is short."""
        os.kill(self.daemon.pid, 9)
        self.daemon.wait(10)

    def api(self, ask: Callable[[Rest], T]) -> T:
        """Ask the node something, from its own host."""
        with self.network.inside():
            rest = Rest(self.daemon.api_port, (self.state / "token").read_text().strip())
            try:
                return ask(rest)
            finally:
                rest.close()

    def open(self, other: Host) -> None:
        """Open the channel with the other host's service."""
        self.api(lambda rest: rest.put(f"/services/{self.service}"))
        path = f"/services/{self.service}/channels/{other.service}"
        self.api(lambda rest: rest.put(path, peer=other.state.name))

    def channel(self, other: Host) -> dict[str, Any]:
        """The channel as the node describes it."""
        return self.api(lambda rest: rest.get(f"/services/{self.service}/channels/{other.service}"))

    def ask(self, other: Host, verb: str, **fields: object) -> dict[str, Any]:
        """Encrypt or decrypt for the channel with the other host; the answer, or the problem."""
        path = f"/services/{self.service}/channels/{other.service}/{verb}"
        return self.api(lambda rest: rest.post(path, **fields))


def pair(listener: Host, dialler: Host) -> None:
    """`dynamicrypt pair` on both hosts, with the code that the first one shows."""
    command = [sys.executable, "-m", "dynamicrypt.cli", "pair", "--link-port", str(LINK_PORT)]
    with listener.network.inside():
        waiting = subprocess.Popen(
            [*command, "--json", *_place(listener), "--interface", listener.address, "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
    with waiting:
        alarm = threading.Timer(60, waiting.kill)
        alarm.start()
        try:
            assert waiting.stdout is not None
            event = json.loads(waiting.stdout.readline())
            where = f"{listener.address}:{event['port']}"
            with dialler.network.inside():
                subprocess.run(
                    [*command, *_place(dialler), where, event["code"]],
                    check=True,
                    capture_output=True,
                    timeout=60,
                )
            assert waiting.wait(60) == 0
        finally:
            waiting.kill()
            alarm.cancel()


def _place(host: Host) -> list[str]:
    return ["--state-dir", str(host.state), "--name", host.state.name]


def within(seconds: float, condition: Callable[[], bool]) -> float:
    """How long it took until the condition was true; AssertionError if it takes too long."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.1)
    return time.monotonic() - began
