"""`dynamicrypt encrypt`: a file of any length as a stream, or a message in one of the modes."""

from __future__ import annotations

import sys
from base64 import b64encode
from typing import Any, Final

import click

from dynamicrypt.cli.files import STANDARD, Armor, reading, writing
from dynamicrypt.cli.reach import reach_options
from dynamicrypt.cli.speech import result
from dynamicrypt.client import Channel, DynamiCrypt, Sealed, SealedStream, Split
from dynamicrypt.client.request import to_base64

#: Bytes of a message; the service reads requests of 1 MiB.
MAX_MESSAGE: Final = 2**20
_COUNTED: Final = 3
_SPLIT: Final = 4


@click.command()
@click.argument("service")
@click.argument("partner")
@click.argument("file", default=STANDARD)
@click.option("--output", "-o", default=STANDARD, metavar="FILE", help="Where to write to.")
@click.option("--armor", "-a", is_flag=True, help="Write base64 instead of bytes.")
@click.option(
    "--mode",
    type=click.IntRange(1, 4),
    help="1 newest key, 2 a key for this message, 3 a key for --limit messages, 4 in pieces.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Mode 3: most messages under one key.")
@click.option("--pieces", type=click.IntRange(2, 32), help="Mode 4: how many; by default 3.")
@click.option("--context", default="", help="Text that must be given again to decrypt.")
@reach_options
def encrypt(
    *,
    service: str,
    partner: str,
    file: str,
    output: str,
    armor: bool,
    mode: int | None,
    limit: int | None,
    pieces: int | None,
    context: str,
    client: DynamiCrypt,
    as_json: bool,
) -> None:
    """Encrypt FILE, or standard input, for PARTNER.

    Without --mode it may be of any length and goes as a stream, under a key of its own. With
    --mode it is a message of at most 1 MiB, less a third for its way. Mode 4 writes its pieces to
    FILE.1, FILE.2 and so on, or prints them one a line.

    What comes out is a message in transit, not a file to keep: it can be opened for 2.5 to 12.5
    minutes, and not once one of the two nodes was started anew.
    """
    _refuse_contradictions(mode, limit, pieces)
    channel = client.channel(service, partner)
    bound = context.encode()
    if mode is None:
        _stream(channel, file, output, bound, armor=armor, as_json=as_json)
        return
    with reading(file) as source:
        plaintext = source.read(MAX_MESSAGE + 1)
    if len(plaintext) > MAX_MESSAGE:
        raise click.UsageError("this is too long for a message; without --mode it is a stream")
    sealed = channel.encrypt(
        plaintext, mode=mode, context=bound, limit=limit or 0, pieces=pieces or 0
    )
    if isinstance(sealed, Split):
        _put_pieces(sealed, output, armor=armor, as_json=as_json)
        return
    data: dict[str, Any] = {"mode": sealed.mode, "key_id": sealed.key_id} | _expiry(sealed)
    if output == STANDARD and as_json:
        result(as_json=True, data=data | {"ciphertext": to_base64(sealed.ciphertext)}, text="")
        return
    _put(sealed.ciphertext, output, armor=armor)
    if as_json:
        result(as_json=True, data=data | {"output": output}, text="")


def _refuse_contradictions(mode: int | None, limit: int | None, pieces: int | None) -> None:
    if limit is not None and mode != _COUNTED:
        raise click.UsageError("--limit is for --mode 3")
    if pieces is not None and mode != _SPLIT:
        raise click.UsageError("--pieces is for --mode 4")
    if mode == _COUNTED and limit is None:
        raise click.UsageError("--mode 3 needs --limit, most messages under one key")


def _stream(
    channel: Channel, file: str, output: str, context: bytes, *, armor: bool, as_json: bool
) -> None:
    if as_json and output == STANDARD:
        raise click.UsageError("--json without --mode needs --output")
    _refuse_terminal(output, armor=armor)
    with reading(file) as source, writing(output, private=False) as sink:
        if armor:
            lines = Armor(sink)
            sealed = channel.encrypt_stream(source, lines, context=context)
            lines.end()
        else:
            sealed = channel.encrypt_stream(source, sink, context=context)
    if as_json:
        data = {"output": output, "bytes": sealed.size} | _expiry(sealed)
        result(as_json=True, data=data, text="")


def _put_pieces(split: Split, output: str, *, armor: bool, as_json: bool) -> None:
    data: dict[str, Any] = {"mode": split.mode} | _expiry(split)
    if output == STANDARD:
        lines = [to_base64(piece.ciphertext) for piece in split.pieces]
        pairs = zip(split.pieces, lines, strict=True)
        told = [{"key_id": piece.key_id, "ciphertext": line} for piece, line in pairs]
        result(as_json=as_json, data=data | {"pieces": told}, text="\n".join(lines))
        return
    told = []
    for number, piece in enumerate(split.pieces, start=1):
        name = f"{output}.{number}"
        _put(piece.ciphertext, name, armor=armor)
        told.append({"key_id": piece.key_id, "output": name})
    if as_json:
        result(as_json=True, data=data | {"pieces": told}, text="")


def _expiry(sealed: Sealed | Split | SealedStream) -> dict[str, int | None]:
    """For how long it opens, as the service says."""
    return {"expires_in_seconds": sealed.expires_in_seconds}


def _put(ciphertext: bytes, output: str, *, armor: bool) -> None:
    _refuse_terminal(output, armor=armor)
    with writing(output, private=False) as sink:
        sink.write(b64encode(ciphertext) + b"\n" if armor else ciphertext)


def _refuse_terminal(output: str, *, armor: bool) -> None:
    if output == STANDARD and not armor and sys.stdout.buffer.isatty():
        raise click.UsageError("a terminal shows no bytes; use --armor or --output")
