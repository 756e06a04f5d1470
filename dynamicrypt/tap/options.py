"""The options of `twistd dynamicrypt`, from flags and the environment, checked."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from twisted.python import usage

from dynamicrypt import __version__
from dynamicrypt.cli.speech import fail
from dynamicrypt.errors import LocalError
from dynamicrypt.location import default_state_directory
from dynamicrypt.params import PROFILES, Profile
from dynamicrypt.peer.host_name import host_name
from dynamicrypt.peer.peers import is_name

_PREFIX: Final = "DYNAMICRYPT_"
#: Variables that are no options: those of commands and applications, and of the compiled core.
_OTHERS: Final = ("URL", "SOCKET", "TOKEN", "CORE", "INSTRUCTION_SET")

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
        self._variables = {_PREFIX + name.upper().replace("-", "_"): name for name in self}
        for variable, name in self._variables.items():
            if variable in environ:
                self[name] = environ[variable]

    def opt_version(self) -> None:
        """Print the version and exit."""
        sys.stdout.write(f"dynamicrypt {__version__}\n")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse and check; an error ends the process with status 2."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            fail(OptionError(str(error)), status=2)
        except OptionError as error:
            fail(error, status=2)

    def postOptions(self) -> None:
        """Set `settings`; raises OptionError for a value that an option cannot have."""
        self._check_environment()
        self._check_user()
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
            name=self._name("name"),
            state_dir=Path(state_dir) if state_dir else default_state_directory(self._environ),
        )
        if self.settings.default_wire == 1 and self.settings.thesis_port is None:
            raise OptionError("--default-wire 1 needs a port for wire 1: add --thesis-port")

    def _check_environment(self) -> None:
        """Refuse variables that set nothing: one that is mistyped must not go unnoticed."""
        known = [*self._variables, *(_PREFIX + other for other in _OTHERS)]
        for variable in sorted(self._environ):
            if variable.startswith(_PREFIX) and variable not in known:
                nearest = get_close_matches(variable, known, 1, 0)
                raise OptionError(f"there is no variable {variable}; the nearest is {nearest[0]}")

    def _check_user(self) -> None:
        """Refuse twistd's change of the user, which would take the state directory from the node.

        It comes after the start, when files and sockets that are one user's have been opened.
        """
        user = None if self.parent is None else self.parent["uid"]
        if user not in {None, os.geteuid()}:
            raise OptionError("--uid is not for this service: run it as that user from the first")

    def _name(self, option: str) -> str:
        text = self[option] or host_name()
        if not is_name(text):
            raise OptionError(
                f"--{option} is 1 to 63 small letters, digits, '.', '-' and '_', not {text!r}"
            )
        return str(text)

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
