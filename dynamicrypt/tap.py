"""`twistd dynamicrypt`: reads its options and puts the service together.

What can go wrong at a start (a bad value, a port that is taken, a state directory that cannot be
used) ends the process before it becomes a daemon, with an error, a hint and status 1 or 2.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeVar, cast

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import MultiService, Service
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IProtocolFactory, IReactorCore, IReactorSocket, IReactorUNIX
from twisted.logger import Logger
from twisted.python import usage

from dynamicrypt.access.issued import load_tokens
from dynamicrypt.cli.speech import report
from dynamicrypt.errors import DynamiCryptError, LocalError
from dynamicrypt.location import PORTS_FILE, default_state_directory
from dynamicrypt.node.clock import steady_clock
from dynamicrypt.node.hardening import MemoryWatch, harden
from dynamicrypt.node.node import Node
from dynamicrypt.node.reactor import Reactor
from dynamicrypt.node.registry import ServicesFile
from dynamicrypt.params import PROFILES, Profile
from dynamicrypt.peer.errors import PortTakenError
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.identity import Identity, load_or_create
from dynamicrypt.peer.peers import PeersFile
from dynamicrypt.peer.statedir import StateDirectory
from dynamicrypt.rest.site import make_site
from dynamicrypt.web.unix import LocalSocketService

_log = Logger()
T = TypeVar("T")


class OptionError(LocalError, ValueError):
    """An option has a value that it cannot have. `twistd dynamicrypt --help` names the options."""

    code = "bad_option"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The checked options. Ports of 0 are chosen by the system; `thesis_port` None is off."""

    api_port: int
    api_auth: bool
    api_socket: Path | None
    listen_port: int
    listen_interface: str
    thesis_port: int | None
    thesis_interface: str
    advertise: str | None
    default_wire: int
    profile: Profile
    name: str
    state_dir: Path


class Options(usage.Options):
    """Options of the service; each may stand in the environment as DYNAMICRYPT_…, a flag wins."""

    synopsis = "[options]"
    longdesc = "Each option may be given as DYNAMICRYPT_API_PORT and so on in the environment."
    optParameters: ClassVar[Sequence[Sequence[str | None]]] = [
        ["api-port", "a", "9081", "Port of the REST API, on loopback; 0 takes a free one."],
        ["api-auth", None, "token", "token, or none: any local program may use the v1 routes."],
        ["api-socket", None, None, "UNIX socket of the REST API, beside the port."],
        ["listen-port", "l", "9082", "Port for other nodes, wire 2; 0 takes a free one."],
        ["listen-interface", None, "127.0.0.1", "Address to listen on for other nodes."],
        ["thesis-port", None, None, "Port for partners on wire 1 (plain, unauthenticated)."],
        ["thesis-interface", None, "127.0.0.1", "Address to listen on for wire 1."],
        ["advertise", None, None, "Address that partners are told [the interface]."],
        ["default-wire", None, "2", "Wire of applications that name none: 1 or 2."],
        ["profile", "p", "standard", "Numbers of the machines: see docs/profiles.md."],
        ["name", None, None, "Name of this node, for people [the host's]."],
        ["state-dir", "d", None, "Directory of the identity, the peers and the token."],
    ]

    settings: Settings

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        super().__init__()
        self._environ = environ
        for name in list(self):
            value = environ.get(f"DYNAMICRYPT_{name.upper().replace('-', '_')}")
            if value is not None:
                self[name] = value

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse and check; an error ends the process with status 2."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            _fail(OptionError(str(error)), status=2)
        except OptionError as error:
            _fail(error, status=2)

    def postOptions(self) -> None:
        """Set `settings`; raises OptionError for a value that an option cannot have."""
        state_dir = self["state-dir"]
        self.settings = Settings(
            api_port=self._port("api-port"),
            api_auth=self._one_of("api-auth", {"token": True, "none": False}),
            api_socket=Path(self["api-socket"]).absolute() if self["api-socket"] else None,
            listen_port=self._port("listen-port"),
            listen_interface=self._interface("listen-interface"),
            thesis_port=None if self["thesis-port"] is None else self._port("thesis-port"),
            thesis_interface=self._interface("thesis-interface"),
            advertise=self["advertise"],
            default_wire=self._one_of("default-wire", {"1": 1, "2": 2}),
            profile=self._one_of("profile", PROFILES),
            name=self["name"] or socket.gethostname().partition(".")[0],
            state_dir=Path(state_dir) if state_dir else default_state_directory(self._environ),
        )

    def _port(self, name: str) -> int:
        text = self[name]
        if not (text.isascii() and text.isdecimal() and int(text) < 65536):
            raise OptionError(f"--{name} is a number from 0 to 65535, not {text!r}")
        return int(text)

    def _interface(self, name: str) -> str:
        text = self[name]
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise OptionError(f"--{name} is an IP address, not {text!r}") from None
        if address.is_unspecified and not self["advertise"]:
            raise OptionError(f"--{name} means every address: name one with --advertise")
        return str(address)

    def _one_of(self, name: str, values: Mapping[str, T]) -> T:
        try:
            return values[self[name]]
        except KeyError:
            allowed = ", ".join(values)
            raise OptionError(f"--{name} is one of {allowed}, not {self[name]!r}") from None


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
        _fail(error, status=1)


def _service(settings: Settings, reactor: Reactor) -> MultiService:
    cast("Any", reactor).seconds = steady_clock()
    state = StateDirectory(settings.state_dir, create=True)
    tokens = load_tokens(state, reactor.seconds)
    identity = load_or_create(state)
    sockets = {
        "api": _bind("127.0.0.1", settings.api_port),
        "link": _bind(settings.listen_interface, settings.listen_port),
    }
    if settings.thesis_port is not None:
        sockets["thesis"] = _bind(settings.thesis_interface, settings.thesis_port)
    ports = {name: sock.getsockname()[1] for name, sock in sockets.items()}
    node = Node(
        reactor,
        identity=identity,
        peers=PeersFile(state).current,
        name=settings.name,
        profile=settings.profile,
        advertised={
            1: (settings.advertise or settings.thesis_interface, ports.get("thesis", 0)),
            2: (settings.advertise or settings.listen_interface, ports["link"]),
        },
        default_wire=settings.default_wire,
        saved=ServicesFile(state),
    )
    factories: dict[str, IProtocolFactory] = {
        "api": make_site(node, tokens=tokens, open_v1=not settings.api_auth, reactor=reactor),
        "link": node.link_listener(),
        "thesis": node.thesis_listener(),
    }
    parts = MultiService()
    MemoryWatch(reactor, settings.profile).setServiceParent(parts)
    node.setServiceParent(parts)
    for name, sock in sockets.items():
        _listen(reactor, sock, factories[name]).setServiceParent(parts)
    if settings.api_socket is not None:
        local = cast("IReactorUNIX", reactor)
        LocalSocketService(local, settings.api_socket, factories["api"]).setServiceParent(parts)
    _PortsFile(state, ports, reactor).setServiceParent(parts)
    _announce(settings, ports, identity)
    return parts


class _PortsFile(Service):
    """Says which ports the node has, from when it runs until it stops."""

    def __init__(self, state: StateDirectory, ports: Mapping[str, int], reactor: Reactor) -> None:
        self._state = state
        self._ports = ports
        self._reactor = reactor

    def startService(self) -> None:
        """Write the file once signals are handled: who reads it may stop the node at once."""
        super().startService()
        content = json.dumps(self._ports).encode() + b"\n"
        cast("IReactorCore", self._reactor).callWhenRunning(
            self._state.replace, PORTS_FILE, content
        )

    def stopService(self) -> None:
        """Remove the file."""
        (self._state.path / PORTS_FILE).unlink(missing_ok=True)


def _bind(interface: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((interface, port))
        sock.listen(128)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        reason = (error.strerror or str(error)).lower()
        raise PortTakenError(f"cannot listen on {interface} port {port}: {reason}") from None
    return sock


def _listen(
    reactor: Reactor, sock: socket.socket, factory: IProtocolFactory
) -> StreamServerEndpointService:
    # The endpoint duplicates the descriptor when it listens; ours lives as long as the process.
    endpoint = AdoptedStreamServerEndpoint(
        cast("IReactorSocket", reactor), os.dup(sock.fileno()), sock.family
    )
    sock.close()
    return StreamServerEndpointService(endpoint, factory)


def _announce(settings: Settings, ports: Mapping[str, int], identity: Identity) -> None:
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


def _fail(error: DynamiCryptError, *, status: int) -> NoReturn:
    report(error)
    raise SystemExit(status)
