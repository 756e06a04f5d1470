"""Why a node cannot listen, as an error whose remedy fits."""

from __future__ import annotations

import errno

from dynamicrypt.errors import LocalError
from dynamicrypt.peer.errors import NotOurAddressError, PortForbiddenError, PortTakenError


def not_listening(interface: str, port: int, error: OSError) -> LocalError:
    """The error that tells why nobody listens on this address and port."""
    reason = (error.strerror or str(error)).lower()
    text = f"cannot listen on {interface} port {port}: {reason}"
    if error.errno == errno.EADDRINUSE:
        return PortTakenError(text)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return PortForbiddenError(text)
    return NotOurAddressError(text)
