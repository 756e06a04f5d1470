"""A relay between two nodes that counts the bytes it passes on."""

from __future__ import annotations

import socket
import threading


class Relay:
    """Listens on an ephemeral port and pipes one caller to `port` of this machine.

    `passed` is the number of bytes so far, both directions.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._counts = [0, 0]
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def passed(self) -> int:
        """Bytes that went through, both directions together."""
        return sum(self._counts)

    def close(self) -> None:
        """Cut the connection and end the threads."""
        self._listener.close()
        for end in self._ends:
            end.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        caller, _ = self._listener.accept()
        callee = socket.create_connection(("127.0.0.1", self._target))
        self._ends = [caller, callee]
        for direction, (source, sink) in enumerate(((caller, callee), (callee, caller))):
            thread = threading.Thread(
                target=self._pump, args=(direction, source, sink), daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _pump(self, direction: int, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
                self._counts[direction] += len(data)
        except OSError:
            return  # closed from one end or the other
