"""What a pairing tells the other node of this one: its name, and where it listens for links.

A node may run by another name and on another port than the usual ones, and then the other node
would call in vain: so the node that runs on the state directory is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dynamicrypt.cli.speech import talk
from dynamicrypt.client import ClientError, DynamiCrypt
from dynamicrypt.client.errors import ServiceUnreachableError
from dynamicrypt.client.place import running_port
from dynamicrypt.peer.fingerprint import show
from dynamicrypt.peer.host_name import as_name, host_name
from dynamicrypt.peer.pairing import Announcement
from dynamicrypt.peer.peers import LINK_PORT

#: Seconds that the node may take to say its name; it is on this machine.
_PATIENCE: Final = 5.0


def announced(
    state_dir: Path, fingerprint: bytes, *, name: str | None, port: int | None
) -> Announcement:
    """What to say of the node with this fingerprint, and say here, too, what that is.

    A `name` or `port` of None is that of the running node, else the host's name and LINK_PORT.
    """
    running = True
    try:
        link = running_port(state_dir, "link")
    except ServiceUnreachableError:
        link, running = LINK_PORT, False
    if name is None:
        own = _running_name(state_dir, fingerprint) if running else None
        name = as_name(own) if own else host_name()
    told = Announcement(name=name, port=link if port is None else port)
    links = f"with links on port {told.port}" if told.port else "which it cannot dial"
    talk(f"the other node will know this one as {told.name}, {links}")
    if port is None and not running:
        talk("    (no node runs here now: if its port will be another, give --link-port)")
    return told


def _running_name(state_dir: Path, fingerprint: bytes) -> str | None:
    """The name of the running node; None where it cannot be asked, or is another one."""
    try:
        url = f"http://127.0.0.1:{running_port(state_dir)}"
        with DynamiCrypt(url, state_dir=state_dir, patience=0.0, timeout=_PATIENCE) as client:
            node = client.status()
    except ClientError:
        return None
    return node.name if node.fingerprint == show(fingerprint) else None
