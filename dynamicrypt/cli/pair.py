"""`dynamicrypt pair`: introduce two nodes to each other by a short code."""

from __future__ import annotations

import secrets
import socket
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
)
from twisted.internet.error import ConnectionRefusedError as RefusedError
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint

from dynamicrypt.cli.announced import announced
from dynamicrypt.cli.place import place_options
from dynamicrypt.cli.reactor import run
from dynamicrypt.cli.speech import result, talk
from dynamicrypt.peer import identity
from dynamicrypt.peer.errors import (
    HandshakeTimeoutError,
    NobodyWaitsError,
    NoPairingThereError,
    PeerUnreachableError,
    WrongProtocolError,
)
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.pairing_code import (
    CodeAllowance,
    OneTimeCode,
    new_code,
    read_code,
    show_code,
)
from dynamicrypt.peer.pairing_link import PAIRING_PORT, WAIT_SECONDS, dial_pairing, wait_for_pairing
from dynamicrypt.peer.pairing_run import Host
from dynamicrypt.peer.peers import Address, Peer, is_name
from dynamicrypt.peer.peers_file import PeersFile, describe
from dynamicrypt.peer.statedir import StateDirectory

_PORT = click.IntRange(0, 65535)


def _ip(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no IP address") from None


def _name(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_name(value):
        raise click.BadParameter(f"{value!r} has more than small letters, digits, '.', '-', '_'")
    return value


@click.command()
@click.argument("address", required=False, metavar="[HOST:PORT")
@click.argument("code", required=False, metavar="[CODE]]")
@click.option(
    "--name",
    callback=_name,
    help="What this node calls itself.  [default: the running node's name, else the host's]",
)
@click.option(
    "--link-port",
    type=_PORT,
    help="Where this node's daemon listens for links; 0 if it cannot be dialled."
    "  [default: the running node's port, else 9082]",
)
@click.option(
    "--port", type=_PORT, default=PAIRING_PORT, show_default=True, help="Where to wait; 0: any."
)
@click.option(
    "--interface",
    callback=_ip,
    default="0.0.0.0",  # noqa: S104 - the other host must get here
    show_default=True,
    help="IP address to wait on.",
)
@place_options
def pair(
    *,
    address: str | None,
    code: str | None,
    name: str | None,
    link_port: int | None,
    port: int,
    interface: str,
    state_dir: Path,
    as_json: bool,
) -> None:
    """Make this node and another one known to each other.

    Run it without arguments on one host: it shows a code and waits. Run it with that host, its
    port and the code on the other one; without the code it asks for it. A code is good for one
    try. Each node tells the other its name and the port on which it listens for links.
    """
    where = None if address is None else Address.parse(address)
    typed = "" if where is None else read_code(code or click.prompt("code", err=True))
    directory = StateDirectory(state_dir, create=True)
    own = identity.load_or_create(directory)
    says = announced(directory.path, own.fingerprint, name=name, port=link_port)

    def host(reactor: Any) -> Host:
        return Host(
            identity=own,
            peers=PeersFile(directory),
            announced=says,
            entropy=secrets.token_bytes,
            clock=reactor,
        )

    if where is None:
        CodeAllowance(directory, time.time).take()
        peer = run(
            lambda reactor: _wait(host(reactor), _listener(reactor, interface, port), as_json)
        )
    else:
        peer = run(lambda reactor: _dial(host(reactor), reactor, where, typed))
    _paired(peer, as_json=as_json)


def _listener(reactor: Any, interface: str, port: int) -> IStreamServerEndpoint:
    kind = TCP6ServerEndpoint if ":" in interface else TCP4ServerEndpoint
    return kind(reactor, port, interface=interface)


async def _wait(host: Host, endpoint: IStreamServerEndpoint, as_json: bool) -> Peer:
    code = new_code(secrets.randbits)

    def listening(address: IAddress) -> None:
        where, shown = _reached_at(address), show_code(code)
        if as_json:
            data = {"event": "waiting", "host": where.host, "port": where.port, "code": shown}
            result(as_json=True, data=data, text="")
            return
        talk(f"waiting {WAIT_SECONDS / 60:.0f} minutes for the other node; run there:")
        talk(f"    dynamicrypt pair {where} {shown}")

    return await wait_for_pairing(host, OneTimeCode(code), endpoint, listening)


def _reached_at(listening: IAddress) -> Address:
    """Where the other node gets here: by the host's name if this one listens on all addresses."""
    host = str(getattr(listening, "host", ""))
    named = host and not ip_address(host).is_unspecified
    return Address(host if named else socket.gethostname(), getattr(listening, "port", 0))


async def _dial(host: Host, reactor: Any, where: Address, code: str) -> Peer:
    endpoint = HostnameEndpoint(reactor, where.host, where.port)
    talk(f"pairing with {where}")
    try:
        return await dial_pairing(host, OneTimeCode(code), endpoint, where.host)
    except PeerUnreachableError as error:
        if isinstance(error.__cause__, RefusedError):
            raise NobodyWaitsError(f"nobody waits at {where} for a pairing") from None
        raise PeerUnreachableError(f"no connection to {where}: {error}") from None
    except HandshakeTimeoutError:
        raise NoPairingThereError(
            f"{where} took the connection and fell silent, so no pairing waits there"
        ) from None
    except WrongProtocolError:
        raise NoPairingThereError(f"something listens at {where}, but no pairing") from None


def _paired(peer: Peer, *, as_json: bool) -> None:
    where = f" at {peer.address}" if peer.address else ", which dials us"
    text = f"paired with {peer.name}{where}\n{show(peer.fingerprint)}"
    result(as_json=as_json, data={"event": "paired", "peer": describe(peer)}, text=text)
