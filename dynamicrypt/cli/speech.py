"""How the command speaks: results on stdout, everything else on stderr, and a fixed exit status.

An error is two lines, `dynamicrypt: error: …` with what happened and `dynamicrypt: hint: …` with
what to do, which is the second half of the error's docstring.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final, NoReturn

import click

from dynamicrypt.client import errors as client
from dynamicrypt.errors import (
    BadCiphertextError,
    DynamiCryptError,
    NoKeyYetError,
    ParameterError,
    SynchronisationError,
)
from dynamicrypt.peer.errors import (
    AuthenticationError,
    HandshakeTimeoutError,
    MistypedError,
    NobodyPairedError,
    PairingBrokenError,
    PeerEntryError,
    PeerUnreachableError,
    TooManyCodesError,
)

_PROGRAM: Final = "dynamicrypt"


class Exit(IntEnum):
    """The exit statuses; scripts may rely on them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    AUTHENTICATION = 3
    UNAVAILABLE = 4
    BAD_CIPHERTEXT = 5


#: The first entry that an error is an instance of decides; without one it is FAILED.
_EXITS: Final[tuple[tuple[type[DynamiCryptError], Exit], ...]] = (
    (AuthenticationError, Exit.AUTHENTICATION),
    (BadCiphertextError, Exit.BAD_CIPHERTEXT),
    (MistypedError, Exit.USAGE),
    (ParameterError, Exit.USAGE),
    (PeerEntryError, Exit.USAGE),
    (HandshakeTimeoutError, Exit.UNAVAILABLE),
    (NobodyPairedError, Exit.UNAVAILABLE),
    (NoKeyYetError, Exit.UNAVAILABLE),
    (PairingBrokenError, Exit.UNAVAILABLE),
    (PeerUnreachableError, Exit.UNAVAILABLE),
    (SynchronisationError, Exit.UNAVAILABLE),
    (TooManyCodesError, Exit.UNAVAILABLE),
    (client.AuthRequiredError, Exit.AUTHENTICATION),
    (client.ScopeMissingError, Exit.AUTHENTICATION),
    (client.BadCiphertextError, Exit.BAD_CIPHERTEXT),
    (client.KeyExpiredError, Exit.BAD_CIPHERTEXT),
    (client.KeyUsedError, Exit.BAD_CIPHERTEXT),
    (client.UnknownKeyError, Exit.BAD_CIPHERTEXT),
    (client.UnsupportedModeError, Exit.BAD_CIPHERTEXT),
    (client.WrongChannelError, Exit.BAD_CIPHERTEXT),
    (client.BadParameterError, Exit.USAGE),
    (client.InvalidRequestError, Exit.USAGE),
    (client.PlaceError, Exit.USAGE),
    (client.ChannelStoppedError, Exit.UNAVAILABLE),
    (client.IdempotencyInFlightError, Exit.UNAVAILABLE),
    (client.NoKeyYetError, Exit.UNAVAILABLE),
    (client.PeerDownError, Exit.UNAVAILABLE),
    (client.PiecesMissingError, Exit.UNAVAILABLE),
    (client.ProfilesDifferError, Exit.UNAVAILABLE),
    (client.RateLimitedError, Exit.UNAVAILABLE),
    (client.ServiceUnreachableError, Exit.UNAVAILABLE),
    (client.StoppingError, Exit.UNAVAILABLE),
    (client.StreamBrokenError, Exit.UNAVAILABLE),
    (client.TooManyConnectionsError, Exit.UNAVAILABLE),
    (client.TooManyPiecesError, Exit.UNAVAILABLE),
    (client.TooManyStreamsError, Exit.UNAVAILABLE),
    (client.TooSlowError, Exit.UNAVAILABLE),
)


def exit_of(error: DynamiCryptError) -> Exit:
    """The exit status that says what kind of error ended the command."""
    return next((status for kind, status in _EXITS if isinstance(error, kind)), Exit.FAILED)


def result(*, as_json: bool, data: Any, text: str) -> None:
    """Print what was asked for: one line of JSON, or text for people."""
    click.echo(json.dumps(data) if as_json else text)


def talk(message: str) -> None:
    """Say something that is not the result."""
    click.echo(message, err=True)


def report(error: DynamiCryptError) -> None:
    """Say what went wrong, and what to do."""
    cause, remedy = cause_and_remedy(type(error))
    # The service's advice is for programs that use its routes; the remedy is for the command.
    what = error.detail if isinstance(error, client.ProblemError) else str(error)
    complain(what.removesuffix(".") or cause, remedy)


def fail(error: DynamiCryptError, *, status: int) -> NoReturn:
    """Say what went wrong, and end the process."""
    report(error)
    raise SystemExit(status)


def complain(what: str, hint: str = "") -> None:
    """Print the two lines of an error; a hint may be missing."""
    click.echo(f"{_PROGRAM}: error: {_small(what)}", err=True)
    if hint:
        click.echo(f"{_PROGRAM}: hint: {_small(hint)}", err=True)


def cause_and_remedy(kind: type[DynamiCryptError]) -> tuple[str, str]:
    """The two halves of an error's docstring: its first sentence, and the rest."""
    cause, _, remedy = " ".join((kind.__doc__ or "").split()).partition(". ")
    return cause.removesuffix("."), remedy


def table(rows: list[tuple[str, ...]]) -> str:
    """Rows of texts in columns that are as wide as they must be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def fields(values: Mapping[str, object]) -> str:
    """Names and values, one pair a line."""
    return table([(name, str(value)) for name, value in values.items()])


def _small(sentence: str) -> str:
    """A sentence with a small first letter; one that starts with a name keeps it: TLS, or K."""
    first, rest = sentence[:1], sentence[1:]
    named = rest[:1].isupper() or (rest[:1] == " " and first != "A")
    return sentence if named else first.lower() + rest
