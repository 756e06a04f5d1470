"""The file that says which ports the running node has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorCore
from twisted.logger import Logger

from dynamicrypt.location import PORTS_FILE
from dynamicrypt.node.reactor import Reactor
from dynamicrypt.peer.errors import StorageError
from dynamicrypt.peer.statedir import StateDirectory


class PortsFile(Service):
    """Says which ports the node has, from when it runs until it stops."""

    _log = Logger()

    def __init__(self, state: StateDirectory, ports: Mapping[str, int], reactor: Reactor) -> None:
        self._state = state
        self._ports = ports
        self._reactor = reactor

    def startService(self) -> None:
        """Write the file once signals are handled: who reads it may stop the node at once."""
        super().startService()
        cast("IReactorCore", self._reactor).callWhenRunning(self._write)

    def stopService(self) -> None:
        """Remove the file."""
        super().stopService()
        self._state.remove(PORTS_FILE)

    def _write(self) -> None:
        try:
            self._state.replace(PORTS_FILE, json.dumps(self._ports).encode() + b"\n")
        except StorageError as error:
            self._log.error("commands will not find this node: {error}", error=str(error))
