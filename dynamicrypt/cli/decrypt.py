"""`dynamicrypt decrypt`: what `encrypt` on the partner's side made, of either kind."""

from __future__ import annotations

from typing import Final

import click

from dynamicrypt.cli.encrypt import MAX_MESSAGE
from dynamicrypt.cli.files import STANDARD, Ahead, Unarmored, reading, unarmored, writing
from dynamicrypt.cli.reach import reach_options
from dynamicrypt.cli.speech import result
from dynamicrypt.client import Channel, DynamiCrypt
from dynamicrypt.client.errors import PiecesMissingError
from dynamicrypt.client.request import to_base64
from dynamicrypt.client.stream import Source
from dynamicrypt.errors import BadCiphertextError

#: docs/envelope.md: where an envelope says its mode, and the modes of pieces and of streams.
_MODE_AT: Final = 2
_PIECE: Final = 4
_STREAM: Final = 5
#: Version 1 as a byte, and how base64 of it begins.
_BYTES: Final = b"\x01"
_TEXT: Final = b"A"


@click.command()
@click.argument("service")
@click.argument("partner")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--output", "-o", default=STANDARD, metavar="FILE", help="Where to write to.")
@click.option("--context", default="", help="The text that was given to encrypt it.")
@reach_options
def decrypt(
    *,
    service: str,
    partner: str,
    files: tuple[str, ...],
    output: str,
    context: str,
    client: DynamiCrypt,
    as_json: bool,
) -> None:
    """Decrypt FILE, or standard input, that PARTNER encrypted: bytes or base64.

    Several files, or lines of base64, are the pieces of one message; while some are missing the
    exit status is 4. A ciphertext opens once. Of a stream to standard output, parts come out
    before all of it was checked: if the exit status is not 0, throw them away.
    """
    channel = client.channel(service, partner)
    bound = context.encode()
    with reading(files[0] if files else STANDARD) as file:
        source = Ahead(file)
        if len(files) < 2 and _mode_of(source) == _STREAM:
            if as_json and output == STANDARD:
                raise click.UsageError("--json needs --output for a stream")
            with writing(output, private=True) as sink:
                size = channel.decrypt_stream(_bytes_of(source), sink, context=bound)
            if as_json:
                result(as_json=True, data={"output": output, "bytes": size}, text="")
            return
        ciphertexts = _messages(source)
    for name in files[1:]:
        with reading(name) as file:
            ciphertexts += _messages(Ahead(file))
    _put(_open(channel, ciphertexts, bound), output, as_json=as_json)


def _open(channel: Channel, ciphertexts: list[bytes], context: bytes) -> bytes:
    if len(ciphertexts) > 1 and any(
        each[_MODE_AT : _MODE_AT + 1] != bytes([_PIECE]) for each in ciphertexts
    ):
        raise click.UsageError(
            "several files or lines are pieces of one message, and these are not"
        )
    opened = [channel.decrypt_piece(each, context=context) for each in ciphertexts]
    plaintexts = [each for each in opened if each is not None]
    if not plaintexts:
        raise PiecesMissingError("pieces are missing; those that were given were taken")
    return b"".join(plaintexts)


def _put(plaintext: bytes, output: str, *, as_json: bool) -> None:
    if as_json and output == STANDARD:
        result(as_json=True, data={"plaintext": to_base64(plaintext)}, text="")
        return
    with writing(output, private=True) as sink:
        sink.write(plaintext)
    if as_json:
        result(as_json=True, data={"output": output, "bytes": len(plaintext)}, text="")


def _messages(source: Ahead) -> list[bytes]:
    """The ciphertexts of a file: its bytes, or one of each line of base64."""
    text = source.peek(1) == _TEXT
    content = source.read(2 * MAX_MESSAGE)
    while part := source.read(2 * MAX_MESSAGE):
        content += part
        if len(content) > 64 * MAX_MESSAGE:
            raise BadCiphertextError("this is too long for a message")
    return [unarmored(line) for line in content.split()] if text else [content]


def _mode_of(source: Ahead) -> int:
    """The mode that the first envelope says; 0 for what is none."""
    head = source.peek(4)
    if head.startswith(_TEXT):
        head = unarmored(head)
    return head[_MODE_AT] if head.startswith(_BYTES) and len(head) > _MODE_AT else 0


def _bytes_of(source: Ahead) -> Source:
    return Unarmored(source) if source.peek(1) == _TEXT else source
