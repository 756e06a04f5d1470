"""What a part of the program logs, as people read it."""

from collections.abc import Iterable

from twisted.logger import LogEvent, formatEvent


def lines_of(events: Iterable[LogEvent], module: str) -> list[str]:
    """The lines of the classes of a module, among the events that `capturedLogs` has."""
    return [
        formatEvent(event) for event in events if event["log_namespace"].startswith(f"{module}.")
    ]
