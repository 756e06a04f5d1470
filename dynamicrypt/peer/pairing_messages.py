"""The codec of a pairing (docs/pairing.md, "Lines"): lines of fields, joined by TAB.

    share    the SPAKE2 message of one side, 33 bytes in hex
    confirm  proof of the code, 32 bytes in hex; the sender's name for itself; its link port
    done     the dialler has verified the listener's proof and knows the listener now
    refuse   a word that says why there will be no pairing

`decode` is total: any bytes give a message or a PairingMessageError. A message has one encoding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from dynamicrypt.peer.errors import PairingMessageError
from dynamicrypt.peer.peers import is_name

#: Longest line without its LF; the longest message takes 142.
MAX_LINE: Final = 160
#: Bytes of a SPAKE2 message: the side's letter and a point of edwards25519.
SHARE_SIZE: Final = 33
#: Bytes of a proof.
PROOF_SIZE: Final = 32

_HEX: Final = re.compile(rb"(?:[0-9a-f]{2})+")
_PORT: Final = re.compile(rb"0|[1-9][0-9]{0,4}")


class Reason(Enum):
    """Why a listener refuses."""

    WRONG_CODE = "wrong-code"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One side's SPAKE2 message."""

    element: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """Proof that the sender knew the code, its name, and where it can be dialled (0: nowhere)."""

    proof: bytes
    name: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The dialler has finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """There will be no pairing."""

    reason: Reason


Message: TypeAlias = Share | Confirm | Done | Refuse


def encode(message: Message) -> bytes:
    """The line of a message, without LF."""
    match message:
        case Share(element=element):
            fields = ["share", element.hex()]
        case Confirm(proof=proof, name=name, port=port):
            fields = ["confirm", proof.hex(), name, str(port)]
        case Done():
            fields = ["done"]
        case Refuse(reason=reason):
            fields = ["refuse", reason.value]
    return "\t".join(fields).encode()


def decode(line: bytes) -> Message:
    """The message of a line without its LF."""
    if len(line) > MAX_LINE:
        raise PairingMessageError("the line is too long")
    match line.split(b"\t"):
        case [b"share", element]:
            return Share(element=_bytes(element, SHARE_SIZE))
        case [b"confirm", proof, name, port]:
            return Confirm(proof=_bytes(proof, PROOF_SIZE), name=_name(name), port=_port(port))
        case [b"done"]:
            return Done()
        case [b"refuse", reason]:
            return Refuse(reason=_reason(reason))
    raise PairingMessageError("this is no message of a pairing")


def _bytes(field: bytes, size: int) -> bytes:
    if len(field) != 2 * size or not _HEX.fullmatch(field):
        raise PairingMessageError(f"a field is not {size} bytes in hex")
    return bytes.fromhex(field.decode())


def _name(field: bytes) -> str:
    name = field.decode("latin-1")
    if not is_name(name):
        raise PairingMessageError("a name is out of range")
    return name


def _port(field: bytes) -> int:
    if not _PORT.fullmatch(field) or int(field) > 65535:
        raise PairingMessageError("a port is out of range")
    return int(field)


def _reason(field: bytes) -> Reason:
    try:
        return Reason(field.decode("latin-1"))
    except ValueError as error:
        raise PairingMessageError("a reason is unknown") from error
