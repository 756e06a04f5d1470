"""Codec of wire 1, the peer protocol of the 2019 program (docs/wire-1.md).

A line is fields joined by TAB and ended by LF, at most MAX_LINE bytes with the LF. `decode` is
total: any bytes give a message or a MalformedLineError. The salt may hold any byte but TAB and
LF, so lines are parsed as bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dynamicrypt.errors import RemoteError

#: Longest line with its LF; the 2019 program reads into a buffer of this size.
MAX_LINE: Final = 1024
#: Longest service name in bytes; two of them and three numbers always fit a line.
MAX_NAME: Final = 255


class MalformedLineError(RemoteError):
    """The partner sent a line that is no message of wire 1. Check that it speaks this protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Type 2: the dialler names itself, its service and the service that it wants."""

    sender: int
    iteration: int = 0
    service: str
    partner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """Type 3: the listener accepts the dialler `addressee`."""

    sender: int
    iteration: int = 0
    addressee: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Type 1, step 1: an input vector and the sender's output for it.

    Vectors are K*N bytes, row-major, 0x01 for +1 and 0xff for -1.
    """

    sender: int
    iteration: int
    vector: bytes
    output: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Type 1, step 2: a new vector and output, and what became of the vector just received.

    `agreed`: the sender's output was equal, and it has learned. `echo` is the vector that it
    received, `check` the hash of its weights as they are now under `salt`.
    """

    sender: int
    iteration: int
    vector: bytes
    output: int
    agreed: bool
    echo: bytes
    check: bytes
    salt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Type 4: the run is over; `save` says that the hashes were equal and the key is to be kept."""

    sender: int
    iteration: int = 0
    save: bool


Message = Hello | Welcome | Step | Reply | Restart

_INT: Final = rb"(0|-?[1-9][0-9]{0,17})"
_HELLO: Final = re.compile(rb"2\t%b\t%b\t([^\t\n]{1,255})\t([^\t\n]{1,255})" % (_INT, _INT))
_WELCOME: Final = re.compile(rb"3\t%b\t%b\t%b" % (_INT, _INT, _INT))
_STEP: Final = re.compile(rb"1\t%b\t\1\t%b\t([^\t\n]+)\t(-?1)\t1" % (_INT, _INT))
_REPLY: Final = re.compile(
    rb"1\t%b\t\1\t%b\t([^\t\n]+)\t(-?1)\t2\t([01])\t([^\t\n]+)\t([0-9A-F]{64})\t([^\t\n]*)"
    % (_INT, _INT)
)
_RESTART: Final = re.compile(rb"4\t%b\t%b\t0\t([01])" % (_INT, _INT))
_TOKEN: Final = re.compile(rb"-.?|[^-]", re.DOTALL)


def encode(message: Message) -> bytes:
    """The line of a message, without its LF."""
    match message:
        case Reply():
            return b"1\t%d\t%d\t%d\t%b\t%d\t2\t%d\t%b\t%b\t%b" % (
                message.sender,
                message.sender,
                message.iteration,
                vector_text(message.vector),
                message.output,
                message.agreed,
                vector_text(message.echo),
                message.check,
                message.salt,
            )
        case Step():
            return b"1\t%d\t%d\t%d\t%b\t%d\t1" % (
                message.sender,
                message.sender,
                message.iteration,
                vector_text(message.vector),
                message.output,
            )
        case Restart():
            return b"4\t%d\t%d\t0\t%d" % (message.sender, message.iteration, message.save)
        case Welcome():
            return b"3\t%d\t%d\t%d" % (message.sender, message.iteration, message.addressee)
        case Hello():
            return b"2\t%d\t%d\t%b\t%b" % (
                message.sender,
                message.iteration,
                message.service.encode(),
                message.partner.encode(),
            )


def decode(line: bytes, weights: int) -> Message:
    """The message of a line without its LF; vectors have `weights` entries.

    Raises MalformedLineError for anything else.
    """
    if len(line) < MAX_LINE:
        if match := _REPLY.fullmatch(line):
            sender, iteration, vector, output, agreed, echo, check, salt = match.groups()
            return Reply(
                sender=int(sender),
                iteration=int(iteration),
                vector=_vector(vector, weights),
                output=int(output),
                agreed=agreed == b"1",
                echo=_vector(echo, weights),
                check=check,
                salt=salt,
            )
        if match := _STEP.fullmatch(line):
            sender, iteration, vector, output = match.groups()
            return Step(
                sender=int(sender),
                iteration=int(iteration),
                vector=_vector(vector, weights),
                output=int(output),
            )
        if match := _RESTART.fullmatch(line):
            sender, iteration, save = match.groups()
            return Restart(sender=int(sender), iteration=int(iteration), save=save == b"1")
        if match := _WELCOME.fullmatch(line):
            sender, iteration, addressee = match.groups()
            return Welcome(sender=int(sender), iteration=int(iteration), addressee=int(addressee))
        if match := _HELLO.fullmatch(line):
            sender, iteration, service, partner = match.groups()
            return Hello(
                sender=int(sender),
                iteration=int(iteration),
                service=_name(service),
                partner=_name(partner),
            )
    raise MalformedLineError("a line that is no message of wire 1")


def vector_text(vector: bytes) -> bytes:
    """The text of a vector: a token `1` or `-1` for each entry, without separators."""
    return vector.replace(b"\x01", b"1").replace(b"\xff", b"-1")


def _vector(text: bytes, weights: int) -> bytes:
    """The vector of a text as the 2019 program reads it.

    `-` means -1 and swallows the character behind it, any other character means +1, and what
    follows the last entry is not looked at. Raises MalformedLineError for a text that is too short.
    """
    vector = text.replace(b"-1", b"\xff").replace(b"1", b"\x01")
    if len(vector) == weights and not vector.strip(b"\x01\xff") and b"\xff" not in text:
        return vector
    tokens = _TOKEN.findall(text)[:weights]
    if len(tokens) < weights:
        raise MalformedLineError(f"a vector of {len(tokens)} entries instead of {weights}")
    return bytes(0xFF if token[0] == 0x2D else 0x01 for token in tokens)


def _name(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise MalformedLineError("a service name that is not UTF-8") from None
