"""`twistd dynamicrypt`: reads its options and puts the service together.

What can go wrong at a start (a bad value, a port that is taken, a state directory that cannot be
used) ends the process before it becomes a daemon, with an error, a hint and status 1 or 2.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, NoReturn, cast

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import MultiService
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IProtocolFactory, IReactorSocket
from twisted.logger import Logger
from twisted.python import usage

from dynamicrypt.errors import DynamiCryptError, LocalError
from dynamicrypt.node.node import Node
from dynamicrypt.node.thesis import Reactor
from dynamicrypt.peer.statedir import StateDirectory, default_state_directory
from dynamicrypt.rest.site import make_site
from dynamicrypt.rest.tokens import load_tokens

#: The file in the state directory that names the ports, for programs on this machine.
PORTS_FILE: Final = "ports.json"

_log = Logger()


class OptionError(LocalError, ValueError):
    """An option has a value that it cannot have. `twistd dynamicrypt --help` names the options."""

    code = "bad_option"


class ListenError(LocalError):
    """The port cannot be listened on. Stop what holds it, or choose another; 0 takes a free one."""

    code = "port_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The checked options. Ports of 0 are chosen by the system; `thesis_port` None is off."""

    api_port: int
    thesis_port: int | None
    thesis_interface: str
    advertise: str
    state_dir: Path
    api_auth: bool


class Options(usage.Options):
    """Options of the service; each may stand in the environment as DYNAMICRYPT_…, a flag wins."""

    synopsis = "[options]"
    longdesc = "Each option may be given as DYNAMICRYPT_API_PORT and so on in the environment."
    optParameters: ClassVar[Sequence[Sequence[str | None]]] = [
        ["api-port", "a", "9081", "Port of the REST API, on loopback; 0 takes a free one."],
        ["api-auth", None, "token", "token, or none: any local program may use the v1 routes."],
        ["thesis-port", None, None, "Port for partners on wire 1 (plain, unauthenticated)."],
        ["thesis-interface", None, "127.0.0.1", "Address to listen on for wire 1."],
        ["advertise", None, None, "Address that partners are told [the interface]."],
        ["state-dir", "d", None, "Directory of the token and other files that survive."],
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
        interface = self._interface()
        auth = self["api-auth"]
        if auth not in {"token", "none"}:
            raise OptionError(f"--api-auth is token or none, not {auth!r}")
        if self["thesis-port"] is not None and interface.is_unspecified and not self["advertise"]:
            raise OptionError("--thesis-interface means every address: name one with --advertise")
        self.settings = Settings(
            api_port=self._port("api-port"),
            thesis_port=None if self["thesis-port"] is None else self._port("thesis-port"),
            thesis_interface=str(interface),
            advertise=self["advertise"] or str(interface),
            state_dir=Path(self["state-dir"])
            if self["state-dir"]
            else default_state_directory(self._environ),
            api_auth=auth == "token",
        )

    def _port(self, name: str) -> int:
        text = self[name]
        if not (text.isascii() and text.isdecimal() and int(text) < 65536):
            raise OptionError(f"--{name} is a number from 0 to 65535, not {text!r}")
        return int(text)

    def _interface(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        text = self["thesis-interface"]
        try:
            return ipaddress.ip_address(text)
        except ValueError:
            raise OptionError(f"--thesis-interface is an IP address, not {text!r}") from None


def makeService(options: Options) -> MultiService:
    """The whole daemon: node, REST API and, where it has a port, wire 1.

    Sockets are bound here, before twistd becomes a daemon, so that a failure is seen by whoever
    starts it.
    """
    from twisted.internet import reactor  # noqa: PLC0415 - installed by twistd, and only here

    try:
        return _service(options.settings, cast("Reactor", reactor))
    except DynamiCryptError as error:
        _fail(error, status=1)


def _service(settings: Settings, reactor: Reactor) -> MultiService:
    state = StateDirectory(settings.state_dir, create=True)
    tokens = load_tokens(state) if settings.api_auth else None
    sockets = {"api": _bind("127.0.0.1", settings.api_port)}
    if settings.thesis_port is not None:
        sockets["thesis"] = _bind(settings.thesis_interface, settings.thesis_port)
    ports = {name: sock.getsockname()[1] for name, sock in sockets.items()}
    node = Node(reactor, address=settings.advertise, port=ports.get("thesis", 0))
    parts = MultiService()
    node.setServiceParent(parts)
    if "thesis" in sockets:
        _listen(reactor, sockets["thesis"], node.thesis_listener()).setServiceParent(parts)
    site = make_site(node, tokens=tokens, reactor=reactor)
    _listen(reactor, sockets["api"], site).setServiceParent(parts)
    state.replace(PORTS_FILE, json.dumps(ports).encode() + b"\n")
    _announce(settings, ports)
    return parts


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
        raise ListenError(f"cannot listen on {interface} port {port}: {reason}") from None
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


def _announce(settings: Settings, ports: Mapping[str, int]) -> None:
    _log.info("api on 127.0.0.1 port {port}", port=ports["api"])
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
    hint = (type(error).__doc__ or "").partition(". ")[2]
    print(f"dynamicrypt: error: {error}", file=sys.stderr)
    if hint:
        print(f"dynamicrypt: hint: {hint[0].lower()}{hint[1:]}", file=sys.stderr)
    raise SystemExit(status)
