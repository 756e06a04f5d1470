"""How many keys a channel keeps and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dynamicrypt.errors import ParameterError

#: Messages under one key, and bytes of plaintext under it (NIST SP 800-38D, 8.3, with room).
MAX_MESSAGES: Final = 2**32
MAX_VOLUME: Final = 2**38
#: More bytes than one message has: the libraries refuse it. A key is left when there is no room
#: for another one, so its bytes are never more than MAX_VOLUME.
MAX_MESSAGE_BYTES: Final = 2**31
#: How long (s) a message may be under way, and how long the answer to a request is given again.
LATE_WINDOW: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLimits:
    """Bounds of a key store; both sides of a channel must use the same.

    Times are in seconds. Raises ParameterError for numbers that contradict each other.
    """

    #: Own keys at which the machines may pause: two full halves fit one page of memory.
    high: int = 56
    #: Own keys at which they resume, early enough for a few round trips.
    low: int = 28
    #: Keys of the partner that are held beyond `high`, for messages that are under way. At 5 000
    #: keys a second these are the keys of six seconds; they take 10 MB, 1 MB of it locked. Who
    #: opens some messages under each of them and leaves long gaps makes it 47 MB.
    late: int = 32768
    #: How long an own key may be sent under.
    lifetime: float = 600.0
    #: How long after that a message under it may still arrive.
    late_time: float = LATE_WINDOW
    #: How long a link may be dead before either side notices.
    dead_peer: float = 30.0
    #: A key that serves many messages is kept for at least this long, so that a busy channel in
    #: mode 1 does not burn every key as it comes and keep the machines from ever pausing.
    settle: float = 0.1
    #: And for no longer than this while there is another one.
    reuse: float = 60.0
    #: Ids of ended keys that are remembered, to tell a used key from an unknown one.
    remembered: int = 32768
    #: Bytes of the gaps in the counters of keys that expired in use: a thousand keys that each
    #: lost a message and served for 8 192 more, and any number of others.
    gaps: int = 2**20

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high or self.late < self.high or self.remembered < 2:
            raise ParameterError("a store needs 0 < low <= high <= late and remembered >= 2")
        if self.gaps < 0:
            raise ParameterError("the room for gaps is not negative")
        if min(self.lifetime, self.late_time, self.dead_peer, self.settle, self.reuse) < 0:
            raise ParameterError("the times of a store are not negative")

    @property
    def held_time(self) -> float:
        """How long the holder keeps a key: as long as a message under it may be under way."""
        return self.lifetime + self.late_time + self.dead_peer
