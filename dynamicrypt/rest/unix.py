"""The UNIX socket of the API: who asks there is told by the system, and needs no token."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from twisted.application.internet import StreamServerEndpointService
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IProtocolFactory, IReactorSocket

from dynamicrypt.errors import LocalError


class SocketTakenError(LocalError):
    """The socket cannot be made. Stop the process that has it, or choose another path."""

    code = "socket_taken"


class LocalSocketService(StreamServerEndpointService):
    """Listens on a UNIX socket, and removes it when it stops."""

    def __init__(self, reactor: IReactorSocket, path: Path, factory: IProtocolFactory) -> None:
        listening = _bind(path)
        self._path = path
        self._inode = path.stat().st_ino
        endpoint = AdoptedStreamServerEndpoint(
            reactor, os.dup(listening.fileno()), listening.family
        )
        listening.close()
        super().__init__(endpoint, factory)

    def stopService(self) -> object:
        """Stop listening; a socket that somebody else has put there since then stays."""
        with suppress(OSError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()
        return super().stopService()


def _bind(path: Path) -> socket.socket:
    """A listening socket of mode 0600; one that a process left behind is replaced.

    Raises SocketTakenError.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)
    try:
        _remove_stale(path)
        listening.bind(str(path))
        listening.listen(128)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        reason = (error.strerror or str(error)).lower()
        raise SocketTakenError(f"cannot listen on {path}: {reason}") from None
    finally:
        os.umask(umask)
    return listening


def _remove_stale(path: Path) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return  # bind says that the path is taken
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
