"""What a node calls itself where nobody says otherwise."""

from __future__ import annotations

import re
import socket

from dynamicrypt.peer.peers import is_name


def host_name() -> str:
    """The host's name, up to its first dot, as a node's name."""
    return as_name(socket.gethostname().partition(".")[0])


def as_name(text: str) -> str:
    """The text as a node's name; `node` if nothing of it can be used."""
    usable = re.sub(r"[^a-z0-9._-]+", "-", text.lower())[:63].strip("-_.")
    return usable if is_name(usable) else "node"
