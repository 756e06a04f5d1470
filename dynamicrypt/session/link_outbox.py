"""What a link says to its partner and tells its node, until the driver takes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast, get_args

from dynamicrypt.errors import RemoteError
from dynamicrypt.session.link_events import KeyMade, LinkEvent
from dynamicrypt.wire.link import encode
from dynamicrypt.wire.link_messages import Message

#: Bytes that the partner may make us say while it takes none: more than claims and confirmations of
#: MAX_CHANNELS channels need.
MAX_UNSENT: Final = 64 * 1024 * 1024

_MESSAGES: Final = frozenset(get_args(Message))

#: Bytes for the transport, or an event for the node.
Output = bytes | LinkEvent


class FloodError(RemoteError):
    """The partner asks faster than it takes answers. Its program is faulty; update it."""


class Outbox:
    """Lines and events in their order; lines leave before the events of the same call."""

    __slots__ = ("_events", "_gated", "_lines", "_openings", "_unsent", "keys")

    def __init__(self) -> None:
        #: Keys that were told of so far.
        self.keys = 0
        self._lines: list[bytes] = []
        self._events: list[LinkEvent] = []
        self._unsent = 0
        self._gated = False
        self._openings = 0

    def say(self, *messages: Message) -> None:
        """Send messages to the partner."""
        for message in messages:
            line = encode(message)
            self._lines.append(line)
            self._unsent += len(line)

    def tell(self, *events: LinkEvent) -> None:
        """Report events to the node."""
        self._events += events

    def put(self, outputs: Iterable[Message | LinkEvent]) -> None:
        """Say the messages, tell the events."""
        # Thousands of keys a second pass here: one look-up tells messages from events.
        for output in outputs:
            if type(output) in _MESSAGES:
                self.say(cast("Message", output))
            else:
                self._events.append(cast("LinkEvent", output))
                self.keys += type(output) is KeyMade

    @property
    def owed(self) -> list[str]:
        """What the partner owes us: to read. The words change with every progress."""
        return [f"room for what we send, after {self._openings} times"] if self._gated else []

    def gate(self, *, closed: bool) -> None:
        """Whether the transport is full, because the partner does not read."""
        self._gated = closed
        self._openings += not closed

    def recount(self) -> None:
        """Begin to count what the partner causes, unless it has not read what was counted."""
        if not self._gated:
            self._unsent = 0

    def check(self) -> None:
        """Raise FloodError if the partner has caused more than it takes."""
        if self._unsent > MAX_UNSENT:
            raise FloodError("the partner asks for more than it takes")

    def drain(self) -> list[Output]:
        """All that has to be done now, for the driver."""
        out: list[Output] = []
        if self._lines:
            out.append(b"".join(self._lines))
            self._lines = []
        out += self._events
        self._events = []
        return out
