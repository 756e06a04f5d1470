"""Sockets that listen before the process becomes a daemon."""

from __future__ import annotations

import os
import socket
from typing import cast

from twisted.application.internet import StreamServerEndpointService
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IProtocolFactory, IReactorSocket

from dynamicrypt.node.reactor import Reactor
from dynamicrypt.peer.listening import not_listening


def bind(interface: str, port: int) -> socket.socket:
    """A socket that listens, on a port that the system chooses for 0.

    Raises the error of `not_listening` that fits.
    """
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((interface, port))
        sock.listen(128)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise not_listening(interface, port, error) from None
    return sock


def listen(
    reactor: Reactor, sock: socket.socket, factory: IProtocolFactory
) -> StreamServerEndpointService:
    """The service that lets a factory take what connects to the socket, which is used up."""
    # The endpoint duplicates the descriptor when it listens; ours lives as long as the process.
    endpoint = AdoptedStreamServerEndpoint(
        cast("IReactorSocket", reactor), os.dup(sock.fileno()), sock.family
    )
    sock.close()
    return StreamServerEndpointService(endpoint, factory)
