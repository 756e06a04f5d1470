"""A node as a process of its own, as `twistd -n dynamicrypt` starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

#: The same as the script `twistd`, but sure to belong to this interpreter.
TWISTD: Final = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")

#: A node is up within about a second; the rest is for a machine that is busy with other things.
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0

_FIELD: Final = re.compile(r"(\w+)=(\S+)")


class DaemonError(Exception):
    """A node did not start or did not end. The message holds the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of a node's log, and when it was read (time.monotonic)."""

    when: float
    text: str

    @property
    def fields(self) -> dict[str, str]:
        """The named fields, `name=value`."""
        return dict(_FIELD.findall(self.text))


class Daemon:
    """One `twistd -n dynamicrypt` with a state directory, on ports that the system chooses.

    As a context manager it is running inside and gone afterwards. `options` come after the
    plugin's name and win over those that are given here; `environment` is added to our own.
    `listen` is called from a thread of its own with each line of the log. `program` stands for the
    script `twistd`.
    """

    def __init__(
        self,
        state: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        listen: Callable[[LogLine], None] | None = None,
        program: Sequence[str] = TWISTD,
    ) -> None:
        self.state = state
        self.options = options
        self.program = program
        self.environment = {} if environment is None else dict(environment)
        self.listen = listen
        self.lines: list[LogLine] = []
        self.api_port = 0
        self.link_port = 0
        self.thesis_port = 0
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._grown = threading.Condition()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process; DaemonError before `start`."""
        return self._running().pid

    @property
    def log(self) -> str:
        """Everything that the node has logged so far."""
        return "\n".join(line.text for line in list(self.lines))

    def start(self, seconds: float = START_SECONDS) -> None:
        """Start and wait until the node listens; DaemonError when it ends or takes too long."""
        self.launch()
        ports = self.state / "ports.json"
        deadline = time.monotonic() + seconds
        while not ports.exists():
            if self._running().poll() is not None:
                self._reader.join(STOP_SECONDS)
                raise DaemonError(f"the node ended at its start:\n{self._tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise DaemonError(f"the node does not listen:\n{self._tail()}")
            time.sleep(0.02)
        self.find_ports()

    def find_ports(self) -> None:
        """Read the ports of the node that runs on this state directory, whoever started it."""
        numbers = json.loads((self.state / "ports.json").read_text())
        self.api_port, self.link_port = numbers["api"], numbers["link"]
        self.thesis_port = numbers["thesis"]

    def launch(self) -> None:
        """Start the process and wait for nothing."""
        (self.state / "ports.json").unlink(missing_ok=True)
        free = ("--api-port", "0", "--listen-port", "0", "--thesis-port", "0")
        fixed = (*free, "--state-dir", str(self.state))
        self._process = subprocess.Popen(  # noqa: S603 - our own program, our own arguments
            (*self.program, "-n", "--pidfile=", "dynamicrypt", *fixed, *self.options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=os.environ | self.environment,
        )
        self._reader.start()

    def wait_for(self, pattern: str, seconds: float, *, times: int = 1) -> list[LogLine]:
        """Return the lines with `pattern`, once there are so many; DaemonError if too late."""
        deadline = time.monotonic() + seconds
        with self._grown:
            while len(found := [line for line in self.lines if pattern in line.text]) < times:
                if not self._grown.wait(max(0.0, deadline - time.monotonic())):
                    raise DaemonError(f"no {pattern!r} in the log:\n{self._tail()}")
        return found

    def wait(self, seconds: float) -> int:
        """Return the exit status of a node that ends by itself; DaemonError when it does not."""
        try:
            status = self._running().wait(seconds)
        except subprocess.TimeoutExpired as late:
            self.stop()
            raise DaemonError(f"the node does not end:\n{self._tail()}") from late
        self._reader.join(STOP_SECONDS)
        return status

    def stop(self) -> int:
        """Ask the node to end and see that it does; returns its exit status."""
        process = self._running()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        self._reader.join(STOP_SECONDS)
        return status

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise DaemonError("the node was not started")
        return self._process

    def _tail(self) -> str:
        return "\n".join(line.text for line in self.lines[-20:])

    def _read(self) -> None:
        output = self._running().stdout
        if output is None:
            return
        with output:
            for text in output:
                line = LogLine(when=time.monotonic(), text=text.rstrip("\n"))
                with self._grown:
                    self.lines.append(line)
                    self._grown.notify_all()
                if self.listen is not None:
                    self.listen(line)
