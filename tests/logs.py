"""What a part of the program logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher


@contextmanager
def log_of(namespace: str) -> Iterator[list[str]]:
    """The lines that are logged meanwhile by the classes of a module, as people read them."""
    lines: list[str] = []

    def read(event: LogEvent) -> None:
        if str(event["log_namespace"]).startswith(namespace):
            lines.append(formatEvent(event))

    observer = cast("ILogObserver", read)
    globalLogPublisher.addObserver(observer)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observer)
