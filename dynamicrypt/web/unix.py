"""The UNIX socket of the API: who asks there is told by the system, and needs no token."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from twisted.application.internet import StreamServerEndpointService
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.interfaces import IProtocolFactory, IReactorUNIX

from dynamicrypt.errors import LocalError

#: Read and write, for the user of the node alone; that user may open it to others.
_MODE: Final = 0o600
_BACKLOG: Final = 128


class SocketTakenError(LocalError):
    """The socket cannot be made. Stop the process that has it, or choose another path."""

    code = "socket_taken"


class LocalSocketService(StreamServerEndpointService):
    """Listens on a UNIX socket from its start until it stops, when the socket is removed.

    Raises SocketTakenError where that will not be possible.
    """

    def __init__(self, reactor: IReactorUNIX, path: Path, factory: IProtocolFactory) -> None:
        _try(path)
        super().__init__(UNIXServerEndpoint(reactor, str(path), _BACKLOG, _MODE), factory)

    def privilegedStartService(self) -> None:  # noqa: N802 - Twisted calls it
        """Listen; there is no moment at which the socket is open to others."""
        with _closed_to_others():
            super().privilegedStartService()


def _try(path: Path) -> None:
    """Bind a socket and remove it; one that a process left behind is removed first."""
    try:
        _remove_stale(path)
        with _closed_to_others(), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
            trial.bind(str(path))
        path.unlink()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SocketTakenError(f"cannot listen on {path}: {reason}") from None


@contextmanager
def _closed_to_others() -> Iterator[None]:
    umask = os.umask(0o777 & ~_MODE)
    try:
        yield
    finally:
        os.umask(umask)


def _remove_stale(path: Path) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return  # bind says that the path is taken
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
