"""Two nodes of one channel, and what is to become of every message that one sealed."""

from dataclasses import dataclass, field

from dynamicrypt.errors import (
    DynamiCryptError,
    KeyExpiredError,
    KeyUsedError,
    UnknownKeyError,
)
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.delivery import key_by_id
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.pieces import Gatherer
from dynamicrypt.keys.stream import StreamOpener

#: What a holder may answer; None is a message that opens, or a piece that is taken.
Answer = type[DynamiCryptError] | None
USED, EXPIRED, UNKNOWN = KeyUsedError, KeyExpiredError, UnknownKeyError


@dataclass(eq=False)
class Sent:
    """A message under way, and what the world knows of it; a key handed out has mode 0."""

    sender: int
    mode: int
    envelope: bytes
    text: bytes
    at: float
    #: Keys that the holder had got when it was sent, and its incarnation.
    held_before: int
    life: int
    #: The hash beside it, in the form of REST v1.
    hash: str = ""
    #: All pieces of its message, in mode 4.
    pieces: list["Sent"] = field(default_factory=list)
    opened: bool = False

    @property
    def key_id(self) -> bytes:
        return self.envelope[4:20]

    @property
    def counter(self) -> int:
        return int.from_bytes(self.envelope[20:24], "big")


@dataclass(frozen=True)
class End:
    """When a key ended at its holder, and how many had ended before it."""

    time: float
    before: int


class Side:
    """A node, the confirmations that the link carries to it, and what its keys have seen."""

    def __init__(self, cipher: ChannelCipher) -> None:
        self.cipher = cipher
        self.gatherer = Gatherer(cipher)
        self.inbox: list[bytes] = []
        self.made: set[bytes] = set()
        self.held_in_all = 0
        self.alive: set[bytes] = set()
        self.ended: dict[bytes, End] = {}
        #: Counters that opened under a key, and keys that ended with some of them missing.
        self.seen: dict[bytes, set[int]] = {}
        self.gapped = 0

    @property
    def held(self) -> set[bytes]:
        return set(self.cipher.store.held._keys)

    def deliver(self, sent: Sent, envelope: bytes, context: bytes, now: float) -> bytes | None:
        """Open a message, a piece or a stream the way that its mode asks for; fetch a key."""
        match sent.mode:
            case 0:
                return bytes(key_by_id(self.cipher.store, sent.key_id, 32, b"rest", now))
            case 4:
                return self.gatherer.open(envelope, context, now)
            case 5:
                opener = StreamOpener(self.cipher, context)
                try:
                    return opener.update(envelope, now) + opener.finish(now)
                finally:
                    opener.abandon()
            case _ if sent.hash and not context:
                return self.cipher.open_hashed(envelope, sent.hash, sent.mode, now)
            case _:
                return self.cipher.open(envelope, context, now)

    def note_opened(self, sent: Sent) -> None:
        sent.opened = True
        self.seen.setdefault(sent.key_id, set()).add(sent.counter)

    def note_ends(self, time: float) -> None:
        """Take note of the keys that ended since this was asked last."""
        held, before = self.held, len(self.ended)
        for key_id in self.alive - held:
            self.ended[key_id] = End(time, before)
            seen = self.seen.get(key_id, set())
            self.gapped += bool(seen) and len(seen) <= max(seen)
        self.alive = held

    def overtaken(self, sent: Sent, window: int) -> bool:
        """Whether a message came that was sealed so much later that this one cannot be told."""
        return max(self.seen.get(sent.key_id, {-1})) - sent.counter >= window

    def answers(self, sent: Sent, time: float, limits: StoreLimits, window: int) -> set[Answer]:
        """What may become of a genuine message that arrives now."""
        told = sent.opened or self.overtaken(sent, window)
        if sent.key_id in self.alive:
            return {USED} if told else {None}
        if sent.key_id not in self.ended:
            return {UNKNOWN}
        end = self.ended[sent.key_id]
        answers: set[Answer] = {USED} if told else {EXPIRED}
        surely = (
            time - end.time < limits.held_time
            and len(self.ended) - end.before <= limits.remembered // 2
        )
        if not surely:
            answers.add(UNKNOWN)
        # A small number's gaps take 28 bytes.
        if self.overtaken(sent, 1) and self.gapped > limits.gaps // 28:
            answers.add(USED)
        return answers
