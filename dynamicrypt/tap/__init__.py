"""`twistd dynamicrypt`: reads its options and puts the service together.

What can go wrong at a start (a bad value, a port that is taken, a state directory that cannot be
used) ends the process before it becomes a daemon, with an error, a hint and status 1 or 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from twisted.application.service import MultiService
from twisted.internet.interfaces import IProtocolFactory, IReactorUNIX
from twisted.logger import Logger

from dynamicrypt import __version__
from dynamicrypt.access.issued import load_tokens
from dynamicrypt.cli.speech import fail
from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.location import PORTS_FILE
from dynamicrypt.node.clock import steady_clock
from dynamicrypt.node.hardening import MemoryWatch, harden
from dynamicrypt.node.node import Node
from dynamicrypt.node.reactor import Reactor
from dynamicrypt.node.registry import ServicesFile
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.identity import Identity, load_or_create
from dynamicrypt.peer.peers_file import PeersFile
from dynamicrypt.peer.statedir import StateDirectory
from dynamicrypt.rest.site import make_site
from dynamicrypt.tap.options import Options, Settings
from dynamicrypt.tap.ports import PortsFile
from dynamicrypt.tap.signals import Signals
from dynamicrypt.tap.sockets import bind, listen
from dynamicrypt.web.site import SiteService
from dynamicrypt.web.unix import LocalSocketService

__all__ = ["Options", "makeService"]

_log = Logger()


def makeService(options: Options) -> MultiService:
    """The whole daemon: node, REST API and, where it has a port, wire 1.

    Sockets are bound here, before twistd becomes a daemon, so that a failure is seen by whoever
    starts it.
    """
    from twisted.internet import reactor  # noqa: PLC0415 - installed by twistd, and only here

    harden()
    try:
        return _service(options.settings, cast("Reactor", reactor))
    except DynamiCryptError as error:
        fail(error, status=1)


def _service(settings: Settings, reactor: Reactor) -> MultiService:
    cast("Any", reactor).seconds = steady_clock()
    state = StateDirectory(settings.state_dir, create=True)
    state.claim()
    state.remove(PORTS_FILE)  # a node that was killed left its own
    tokens = load_tokens(state, reactor.seconds)
    identity = load_or_create(state)
    sockets = {
        "api": bind("127.0.0.1", settings.api_port),
        "link": bind(settings.listen_interface, settings.listen_port),
    }
    if settings.thesis_port is not None:
        sockets["thesis"] = bind(settings.thesis_interface, settings.thesis_port)
    ports = {name: sock.getsockname()[1] for name, sock in sockets.items()}
    peers = PeersFile(state)
    peers.current()  # a file that is broken now is an error; later there is one to go on with
    node = Node(
        reactor,
        identity=identity,
        peers=peers.current,
        name=settings.name,
        profile=settings.profile,
        advertised={
            1: (settings.advertise or settings.thesis_interface, ports.get("thesis", 0)),
            2: (settings.advertise or settings.listen_interface, ports["link"]),
        },
        default_wire=settings.default_wire,
        saved=ServicesFile(state),
    )
    site = make_site(node, tokens=tokens, open_v1=not settings.api_auth, reactor=reactor)
    factories: dict[str, IProtocolFactory] = {
        "api": site,
        "link": node.link_listener(),
        "thesis": node.thesis_listener(),
    }
    parts = MultiService()
    Signals(reactor).setServiceParent(parts)
    MemoryWatch(reactor, settings.profile).setServiceParent(parts)
    node.setServiceParent(parts)
    SiteService(site).setServiceParent(parts)
    for name, sock in sockets.items():
        listen(reactor, sock, factories[name]).setServiceParent(parts)
    if settings.api_socket is not None:
        local = cast("IReactorUNIX", reactor)
        LocalSocketService(local, settings.api_socket, factories["api"]).setServiceParent(parts)
    PortsFile(state, ports, reactor).setServiceParent(parts)
    _announce(settings, ports, identity)
    return parts


def _announce(settings: Settings, ports: Mapping[str, int], identity: Identity) -> None:
    _log.info("dynamicrypt {version} name={name}", version=__version__, name=settings.name)
    _log.info("api on 127.0.0.1 port {port}", port=ports["api"])
    _log.info(
        "wire 2 on {interface} port {port} fingerprint={fingerprint} profile={profile}",
        interface=settings.listen_interface,
        port=ports["link"],
        fingerprint=show(identity.fingerprint),
        profile=settings.profile.name,
    )
    if not settings.api_auth:
        _log.warn("warning: --api-auth none: every program on this machine may use the v1 routes")
    if "thesis" in ports:
        _log.info(
            "wire 1 on {interface} port {port}",
            interface=settings.thesis_interface,
            port=ports["thesis"],
        )
        _log.warn("warning: wire 1 has neither authentication nor encryption of its own")
