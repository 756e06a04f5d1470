"""Server-sent events (WHATWG HTML, section 9.2.6): bytes in, events out, no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dynamicrypt.client.errors import BadAnswerError

#: Bytes of one event, far above what the service sends.
MAX_EVENT: Final = 65_536
#: Milliseconds before a stream that ended is taken up again, unless the service says otherwise.
DEFAULT_RETRY: Final = 1000

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvent:
    """An event as it came: its id, or that of the last one that had an id; its type; its data."""

    id: str
    kind: str
    data: str


class EventParser:
    """Parses the stream however it is cut into parts.

    `last_id` is where to go on after a break, and `retry` how long (ms) to wait before.
    """

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self.retry = DEFAULT_RETRY
        self._rest = b""
        self._begun = False
        self._id = last_id
        self._kind = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> list[RawEvent]:
        """The events that the next part of the stream completes.

        Raises BadAnswerError for an event of more than MAX_EVENT bytes; the parser is no good then.
        """
        buffer = self._rest + data
        if not self._begun:
            if len(buffer) < 3 and b"\xef\xbb\xbf".startswith(buffer):
                self._rest = buffer
                return []
            self._begun = True
            buffer = buffer.removeprefix(b"\xef\xbb\xbf")
        events: list[RawEvent] = []
        start = 0
        for end in _LINE_END.finditer(buffer):
            if end.group() == b"\r" and end.end() == len(buffer):
                break  # perhaps the first half of CR LF
            self._take(buffer[start : end.start()], events)
            start = end.end()
        self._rest = buffer[start:]
        if len(self._rest) > MAX_EVENT:
            raise BadAnswerError("an event has no end")
        return events

    def _take(self, line: bytes, events: list[RawEvent]) -> None:
        if not line:
            self.last_id = self._id
            if self._data:
                data = "\n".join(self._data)
                events.append(RawEvent(id=self._id, kind=self._kind or "message", data=data))
            self._kind, self._data, self._size = "", [], 0
            return
        self._size += len(line)
        if self._size > MAX_EVENT:
            raise BadAnswerError("an event has no end")
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) < 8:
            self.retry = int(value)
