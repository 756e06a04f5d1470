"""What the commands read and write: files and pipes, as bytes or in base64.

An output file appears whole or not at all, so nobody takes half a plaintext for all of it.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

import click

from dynamicrypt.client.stream import Sink, Source, write_all
from dynamicrypt.errors import BadCiphertextError

STANDARD: Final = "-"
#: Bytes of a line of base64, as RFC 2045 has it, and of what it stands for.
_LINE: Final = 57
_WHITE: Final = b" \t\r\n"


@contextmanager
def reading(name: str) -> Iterator[BinaryIO]:
    """A file, or standard input for `-`; raises click.FileError."""
    if name == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise _unusable(name, error) from None
    with file:
        yield file


@contextmanager
def writing(name: str, *, private: bool) -> Iterator[Sink]:
    """A new file that takes its name when all was written, or standard output for `-`.

    A `private` one is for its owner alone. What is no plain file is written to as it is. Raises
    click.FileError.
    """
    if name == STANDARD:
        yield StandardOutput()
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    draft = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    plain = not path.exists() or stat.S_ISREG(path.stat().st_mode)
    try:
        target = draft if plain else path
        descriptor = os.open(
            target,
            os.O_WRONLY | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if plain else 0),
            0o600 if private else 0o666,
        )
    except OSError as error:
        raise _unusable(name, error) from None
    try:
        with open(descriptor, "wb") as file:
            yield file
        if plain:
            os.replace(draft, path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


class StandardOutput:
    """Takes all that it is given, as standard output may not do (PYTHONUNBUFFERED)."""

    def write(self, data: bytes, /) -> int:
        """Take bytes."""
        write_all(sys.stdout.buffer, data)
        return len(data)


class Armor:
    """Writes base64, in lines."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._rest = b""

    def write(self, data: bytes, /) -> int:
        """Take bytes."""
        self._rest += data
        whole = len(self._rest) // _LINE * _LINE
        self._put(self._rest[:whole])
        self._rest = self._rest[whole:]
        return len(data)

    def end(self) -> None:
        """Write the last line."""
        self._put(self._rest)
        self._rest = b""

    def _put(self, data: bytes) -> None:
        lines = (b64encode(data[at : at + _LINE]) for at in range(0, len(data), _LINE))
        text = b"".join(line + b"\n" for line in lines)
        if text:
            self._sink.write(text)


class Ahead:
    """A source whose first bytes can be looked at."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ahead = b""

    def peek(self, size: int) -> bytes:
        """The next bytes, fewer only at the end; they are read again afterwards."""
        while len(self._ahead) < size:
            part = self._source.read(size - len(self._ahead))
            if not part:
                break
            self._ahead += part
        return self._ahead[:size]

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most so many; none at the end."""
        if self._ahead:
            part, self._ahead = self._ahead[:size], self._ahead[size:]
            return part
        return self._source.read(size)


class Unarmored:
    """Reads base64, whatever its lines; raises BadCiphertextError for anything else."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """The next bytes; at most so many, none at the end."""
        while True:
            part = self._source.read(max(4, size))
            text = self._rest + part.translate(None, _WHITE)
            whole = len(text) // 4 * 4 if part else len(text)
            self._rest = text[whole:]
            if whole or not part:
                return unarmored(text[:whole])


def unarmored(text: bytes) -> bytes:
    """The bytes that base64 stands for; raises BadCiphertextError."""
    try:
        return b64decode(text, validate=True)
    except Error:
        raise BadCiphertextError("this is neither a ciphertext nor base64 of one") from None


def _unusable(name: str, error: OSError) -> click.FileError:
    return click.FileError(name, (error.strerror or "unusable").lower())
