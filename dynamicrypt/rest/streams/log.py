"""How the streams of a channel went.

An answer that has begun can only break off, without a reason. What the reason was is kept here for
the client to ask, under an id that the head of the answer named.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Final
from weakref import WeakKeyDictionary

from dynamicrypt.errors import DynamiCryptError
from dynamicrypt.node.channel import LinkChannel
from dynamicrypt.rest.desk.counters import RestCounters
from dynamicrypt.rest.desk.problem import problem_of

#: Streams that are remembered of each channel when they ended; a client asks at once.
REMEMBERED: Final = 32


class StreamState(StrEnum):
    """How far a stream is."""

    RUNNING = "running"
    #: It ended as it should.
    WHOLE = "whole"
    #: The node broke it off; its problem says why.
    BROKEN = "broken"
    #: The client left before its end.
    LEFT = "left"


class StreamRecord:
    """One stream: bytes that came and went, and how it ended."""

    __slots__ = ("_ended", "given", "id", "problem", "state", "taken", "verb")

    def __init__(self, verb: str, ended: Callable[[StreamRecord], None]) -> None:
        self.id: Final = secrets.token_hex(8)
        #: encrypt or decrypt
        self.verb: Final = verb
        self.taken = 0
        self.given = 0
        self.state = StreamState.RUNNING
        #: Why it broke, as answers tell it: an exception would keep what it met on its way alive.
        self.problem: dict[str, object] | None = None
        self._ended = ended

    def end(self, state: StreamState, error: DynamiCryptError | None = None) -> None:
        """Say how it ended; what is said later counts no more."""
        if self.state is StreamState.RUNNING:
            self.state = state
            self.problem = None if error is None else problem_of(error)
            self._ended(self)


class _Streams:
    """The streams of one channel: those that run, and the last that ended."""

    def __init__(self) -> None:
        #: In the order in which they began.
        self.begun: list[StreamRecord] = []
        self._ended: deque[StreamRecord] = deque()

    def ended(self, record: StreamRecord) -> None:
        """Forget the one that ended longest ago, where there are too many."""
        self._ended.append(record)
        if len(self._ended) > REMEMBERED:
            self.begun.remove(self._ended.popleft())


class StreamLog:
    """The streams of each channel that run, and the REMEMBERED last ones that ended.

    They go with the channel. Each is counted at its end.
    """

    def __init__(self, counters: RestCounters, seconds: Callable[[], float]) -> None:
        self._counters = counters
        self._seconds = seconds
        self._of: WeakKeyDictionary[LinkChannel, _Streams] = WeakKeyDictionary()

    def begin(self, channel: LinkChannel, verb: str) -> StreamRecord:
        """A new stream of the channel."""
        began = self._seconds()
        streams = self._of.setdefault(channel, _Streams())

        def count(record: StreamRecord) -> None:
            result = "ok" if record.state is StreamState.WHOLE else "left"
            if record.problem is not None:
                result = str(record.problem["code"])
            self._counters.count(f"{verb}_stream", result, self._seconds() - began)
            streams.ended(record)

        record = StreamRecord(verb, count)
        streams.begun.append(record)
        return record

    def of(self, channel: LinkChannel) -> list[StreamRecord]:
        """The streams of the channel, the newest first."""
        return self._of.get(channel, _Streams()).begun[::-1]
