"""The state directory: small files that survive the process, for the eyes of one user.

The directory has mode 0700 and its files 0600. A file appears whole or not at all: it is written
under another name, flushed to the disk, and linked or renamed into place. Keys of channels are
never among these files (docs/security.md).
"""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from dynamicrypt.peer.errors import (
    DirectoryInUseError,
    ForeignDirectoryError,
    ForeignFileError,
    NoStateDirectoryError,
    OpenFileError,
    StateDirectoryError,
    StateFileError,
    StorageError,
)

#: Largest file that is read; the known peers of a big site are a few hundred kilobytes.
MAX_FILE: Final = 4 * 1024 * 1024

_LOCK: Final = "lock"
_CLAIM: Final = "running"
#: What group and others may do with the directory and its files: nothing.
_FOREIGN: Final = 0o077

#: Device-independent mark of a file's version: inode, time of change in ns, size. Of the change of
#: its status: a repaired owner or mode counts, and programs that copy set the other time back.
FileVersion: TypeAlias = tuple[int, int, int]


class StateDirectory:
    """A directory of mode 0700 that belongs to the user of this process.

    Opening one that belongs to someone else, or that others may enter, raises
    StateDirectoryError; a missing one is made with `create`, else NoStateDirectoryError is raised.
    Names are plain file names.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        try:
            if create:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = path.stat()
        except FileNotFoundError as error:
            raise NoStateDirectoryError(f"{path} does not exist") from error
        except OSError as error:
            raise StateDirectoryError(f"{path}: {_why(error)}") from error
        if not stat.S_ISDIR(status.st_mode):
            raise StateDirectoryError(f"{path} is not a directory")
        if status.st_uid != os.geteuid():
            raise ForeignDirectoryError(f"{path} belongs to {_whose(status.st_uid)}")
        if status.st_mode & _FOREIGN:
            raise StateDirectoryError(
                f"{path} is open to others, mode {status.st_mode & 0o777:04o}"
            )

    def read(self, name: str) -> bytes:
        """The content of a file of mode 0600.

        Raises FileNotFoundError for a missing file, and StateFileError for one that is a link, is
        open to others, belongs to another user, is larger than MAX_FILE, or cannot be read.
        """
        path = self.path / name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StateFileError(f"{path}: {_why(error)}") from error
        try:
            self._check(path, os.fstat(descriptor))
            # A buffer of the file object would keep a copy of tokens and keys.
            with open(descriptor, "rb", buffering=0, closefd=False) as file:
                content = file.read(MAX_FILE + 1)
        except OSError as error:
            raise StateFileError(f"{path}: {_why(error)}") from error
        finally:
            os.close(descriptor)
        if len(content) > MAX_FILE:
            raise StateFileError(f"{path} is larger than {MAX_FILE} bytes")
        return content

    @staticmethod
    def _check(path: Path, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise StateFileError(f"{path} is not a plain file")
        if status.st_uid != os.geteuid():
            raise ForeignFileError(f"{path} belongs to {_whose(status.st_uid)}")
        if status.st_mode & _FOREIGN:
            mode = f"{status.st_mode & 0o777:04o}"
            raise OpenFileError(f"{path} is open to others, mode {mode}")

    def version(self, name: str) -> FileVersion | None:
        """What changes when the file is replaced, written to or has another owner or mode.

        None if there is no file.
        """
        try:
            status = os.stat(self.path / name, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateFileError(f"{self.path / name}: {_why(error)}") from error
        return status.st_ino, status.st_ctime_ns, status.st_size

    def create(self, name: str, content: bytes) -> None:
        """Write a new file; raises FileExistsError, and changes nothing, if there is one.

        Raises StorageError, and leaves everything as it was, where it cannot be written.
        """
        self._publish(name, content, os.link)

    def replace(self, name: str, content: bytes) -> None:
        """Write a file in place of the one that may be there.

        Raises StorageError, and leaves that one as it was, where it cannot be written.
        """
        self._publish(name, content, os.replace)

    def _publish(self, name: str, content: bytes, publish: Callable[[Path, Path], None]) -> None:
        draft = self.path / f".{name}.{secrets.token_hex(8)}"
        try:
            with open(draft, "xb", opener=_private) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            publish(draft, self.path / name)
            directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except FileExistsError:
            raise
        except OSError as error:
            raise StorageError(f"{self.path / name} cannot be written: {_why(error)}") from error
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there; raises StorageError where that cannot be."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{self.path / name} cannot be removed: {_why(error)}") from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the directory's lock, for reading a file and writing it back.

        Other processes wait. Not to be held across anything that waits itself. Raises StorageError.
        """
        descriptor = self._open_lock(_LOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def claim(self) -> None:
        """Keep other nodes off this directory until the process ends, however it does.

        What it forks, as a daemon does, has the claim too. Commands need none: they `lock`. Raises
        DirectoryInUseError where another process has it, and StorageError.
        """
        descriptor = self._open_lock(_CLAIM)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise DirectoryInUseError(f"another node runs on {self.path}") from None
            raise StorageError(f"{self.path} cannot be locked: {_why(error)}") from error

    def _open_lock(self, name: str) -> int:
        try:
            return _private(os.fspath(self.path / name), os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StorageError(f"{self.path / name} cannot be opened: {_why(error)}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _why(error: OSError) -> str:
    return (error.strerror or "unusable").lower()


def _whose(user: int) -> str:
    """The owner's name and ours, for people."""
    return f"{_user_name(user)}, and this runs as {_user_name(os.geteuid())}"


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
