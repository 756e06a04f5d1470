"""Two nodes' keys under any interleaving of births, losses, cuts, restarts, delays and attacks."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.errors import (
    BadCiphertextError,
    DynamiCryptError,
    KeyExpiredError,
    KeyUsedError,
    NoKeyYetError,
    UnknownKeyError,
)
from dynamicrypt.keys.cipher import ChannelCipher
from dynamicrypt.keys.limits import StoreLimits
from dynamicrypt.keys.pieces import Gatherer, Splitter
from tests.keys.memory import secrets_in
from tests.keys.pair import channel_cipher, key, key_id

LIMITS = StoreLimits(
    high=4,
    low=2,
    late=8,
    lifetime=100.0,
    late_time=20.0,
    dead_peer=10.0,
    settle=1.0,
    reuse=30.0,
    remembered=64,
)
#: Clocks of two hosts have nothing in common but their rate.
OFFSETS = (0.0, 5000.0)


@dataclass
class Sent:
    """A message under way, and what the world knows of it."""

    sender: int
    mode: int
    envelope: bytes
    text: bytes
    at: float
    #: Keys that the holder had got when it was sent, and its incarnation.
    held_before: int
    life: int
    #: All pieces of its message, in mode 4.
    pieces: list["Sent"] = field(default_factory=list)
    opened: bool = False


@dataclass
class Side:
    """A node: its keys, and the confirmations that the link carries to it."""

    cipher: ChannelCipher
    inbox: list[bytes] = field(default_factory=list)
    made: set[bytes] = field(default_factory=set)
    held_in_all: int = 0

    def __post_init__(self) -> None:
        self.gatherer = Gatherer(self.cipher)

    def deliver(self, sent: Sent, envelope: bytes, context: bytes, now: float) -> bytes | None:
        """Open a message or a piece the way that its mode asks for."""
        if sent.mode == 4:
            return self.gatherer.open(envelope, context, now)
        return self.cipher.open(envelope, context, now)


class TwoStores(RuleBasedStateMachine):
    """The link is up between cuts; each side hears of a key when it has made it itself."""

    @initialize()
    def start(self) -> None:
        self.sides = [Side(channel_cipher(role, LIMITS)) for role in (0, 1)]
        self.time = 0.0
        self.life = 0
        self.number = 0
        self.linked = True
        self.keys: dict[bytes, bytes] = {}
        self.sent: list[Sent] = []
        self.seals: set[bytes] = set()
        self.modes: dict[bytes, int] = {}
        self.entropy = 0

    def fill(self, view: memoryview) -> None:
        """Give bytes that differ each time: here nothing depends on their being secret."""
        self.entropy += 1
        view[:] = self.entropy.to_bytes(len(view), "big")

    def now(self, role: int) -> float:
        return self.time + OFFSETS[role]

    def give(self, role: int, number: int) -> None:
        """One side makes a key; as its holder it confirms it over the link."""
        side, id_ = self.sides[role], key_id(number, self.life)
        owner = number % 2 == role
        side.cipher.store.add(id_, key(number, self.life), owner=owner, now=self.now(role))
        self.keys[id_] = key(number, self.life)
        side.made.add(id_)
        if not owner:
            side.held_in_all += 1
            self.sides[1 - role].inbox.append(id_)

    @precondition(lambda self: self.linked)
    @rule(keys=st.integers(1, 8), delivered=st.integers(0, 8))
    def make_keys(self, keys: int, delivered: int) -> None:
        """Machines synchronise; the link delivers some of the confirmations at once."""
        for _ in range(keys):
            for role in (0, 1):
                self.give(role, self.number)
            self.number += 1
        for role in (0, 1):
            self.confirm(role, delivered)

    @precondition(lambda self: self.linked)
    @rule(role=st.sampled_from([0, 1]), number=st.integers(1, 8))
    def confirm(self, role: int, number: int) -> None:
        """The link delivers the next confirmations."""
        inbox = self.sides[role].inbox
        for id_ in inbox[:number]:
            self.sides[role].cipher.store.confirm(id_)
        del inbox[:number]

    @precondition(lambda self: self.linked)
    @rule(maker=st.sampled_from([0, 1, None]))
    def cut(self, maker: int | None) -> None:
        """The link dies, perhaps when only one side has made the next key."""
        if maker is not None:
            self.give(maker, self.number)
            self.number += 1
        self.linked = False
        for side in self.sides:
            side.inbox.clear()

    @precondition(lambda self: not self.linked)
    @rule()
    def dial_again(self) -> None:
        """Both repeat what they hold, confirm what waits, and erase the rest."""
        for role in (0, 1):
            side, other = self.sides[role], self.sides[1 - role]
            waits, held = set(side.cipher.store.own._offered), set(other.cipher.store.held._keys)
            for id_ in held:
                side.cipher.store.confirm(id_)
            for id_ in waits - held:
                side.cipher.store.discard(id_)
            for id_ in held - side.made:
                other.cipher.store.discard(id_)
            assert side.cipher.store.levels.offered == 0
            assert side.made.issuperset(other.cipher.store.held._keys)
        self.linked = True

    @precondition(lambda self: self.number > 20)
    @rule(role=st.sampled_from([0, 1]))
    def restart(self, role: int) -> None:
        """One process ends and starts again; the other learns of it by its incarnation."""
        self.sides[1 - role].cipher.store.erase()
        self.sides[1 - role].gatherer.erase()
        self.sides[role] = Side(channel_cipher(role, LIMITS))
        self.sides[1 - role].inbox.clear()
        self.life += 1
        self.number = 0

    @rule(seconds=st.sampled_from([0.5, 2.0, 9.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.time += seconds

    @rule(role=st.sampled_from([0, 1]))
    def expire(self, role: int) -> None:
        self.sides[role].cipher.store.expire(self.now(role))

    @precondition(lambda self: self.number)
    @rule(
        role=st.sampled_from([0, 1]),
        mode=st.sampled_from([(1, 0), (2, 0), (3, 2)]),
        messages=st.integers(1, 4),
    )
    def seal(self, role: int, mode: tuple[int, int], messages: int) -> None:
        for _ in range(messages):
            self.seal_one(role, mode)

    def seal_one(self, role: int, mode: tuple[int, int]) -> None:
        text = b"message %d" % len(self.sent)
        try:
            envelope = self.sides[role].cipher.seal(text, mode[0], b"", self.now(role), mode[1])
        except NoKeyYetError:
            return
        self.note(role, mode[0], envelope, text)

    @precondition(lambda self: self.number)
    @rule(role=st.sampled_from([0, 1]))
    def split(self, role: int) -> None:
        text = b"message %d" % len(self.sent)
        splitter = Splitter(self.sides[role].cipher, self.fill)
        try:
            envelopes = splitter.seal(text, b"", self.now(role), 2)
        except NoKeyYetError:
            return
        pieces = [self.note(role, 4, envelope, text) for envelope in envelopes]
        for piece in pieces:
            piece.pieces = pieces

    def note(self, role: int, mode: int, envelope: bytes, text: bytes) -> Sent:
        """Check what was sealed against all that was, and put it on its way."""
        id_ = envelope[4:20]
        assert envelope[:24] not in self.seals, "a key and counter were used twice"
        assert self.modes.setdefault(id_, mode) == mode, "a key served two modes"
        if mode in {2, 4}:
            assert not any(seal[4:20] == id_ for seal in self.seals), "one use was promised"
        self.seals.add(envelope[:24])
        holder = self.sides[1 - role]
        assert id_ in holder.cipher.store.held._keys, "the partner does not hold the key"
        sent = Sent(role, mode, envelope, text, self.time, holder.held_in_all, self.life)
        self.sent.append(sent)
        return sent

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        """Deliver any message, for the first time or again."""
        sent = data.draw(st.sampled_from(self.sent))
        holder = self.sides[1 - sent.sender]
        try:
            text = holder.deliver(sent, sent.envelope, b"", self.now(1 - sent.sender))
        except (KeyUsedError, KeyExpiredError, UnknownKeyError) as error:
            refusal: DynamiCryptError = error
        else:
            assert not sent.opened, "a message opened twice"
            sent.opened = True
            single = sent.mode in {2, 4}
            assert not single or sent.envelope[4:20] not in holder.cipher.store.held._keys
            if text is None:
                assert sent.mode == 4
            else:
                assert text == sent.text
                assert all(piece.opened for piece in sent.pieces)
            return
        if sent.life != self.life:
            assert isinstance(refusal, UnknownKeyError)
            return
        in_time = self.time < sent.at + LIMITS.late_time
        few_since = holder.held_in_all - sent.held_before <= LIMITS.late // 2
        if in_time and few_since:
            assert sent.opened, "a message in time was lost"
            assert isinstance(refusal, KeyUsedError)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def forge(self, data: st.DataObject) -> None:
        """Change one bit of any message: it must not open, nor spoil the true one."""
        sent = data.draw(st.sampled_from(self.sent))
        bit = data.draw(st.integers(0, 8 * len(sent.envelope) - 1))
        forged = bytearray(sent.envelope)
        forged[bit // 8] ^= 1 << bit % 8
        holder = self.sides[1 - sent.sender]
        try:
            holder.deliver(sent, bytes(forged), b"", self.now(1 - sent.sender))
        except DynamiCryptError:
            return
        raise AssertionError("a forged message opened")

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def wrong_context(self, data: st.DataObject) -> None:
        sent = data.draw(st.sampled_from(self.sent))
        holder = self.sides[1 - sent.sender]
        try:
            holder.deliver(sent, sent.envelope, b"other", self.now(1 - sent.sender))
        except (BadCiphertextError, KeyUsedError, KeyExpiredError, UnknownKeyError):
            return
        raise AssertionError("a message opened under another context")

    @invariant()
    def ready_keys_are_held_by_the_partner(self) -> None:
        for role in (0, 1):
            own, holder = self.sides[role].cipher.store.own, self.sides[1 - role].cipher.store
            own.expire(self.now(role))
            own.expire_current(self.now(role))
            holder.held.expire(self.now(1 - role))
            for each in (*own._free, *own._current.values()):
                assert each.key_id in holder.held._keys
                other = holder.held._keys[each.key_id]
                mine = self.sides[role].cipher.store.cells.view(each.cell)
                assert mine == holder.cells.view(other.cell) == self.keys[each.key_id]

    @invariant()
    def nothing_grows_and_nothing_stays(self) -> None:
        for side in self.sides:
            levels = side.cipher.store.levels
            assert levels.free <= LIMITS.high
            assert levels.offered <= LIMITS.late
            assert levels.held <= LIMITS.high + LIMITS.late
            live = levels.free + levels.offered + levels.held + levels.in_use
            shares = sum(len(each.shares) for each in side.gatherer._gatherings.values())
            # Every live key has a cell and perhaps one for its sub-key; one more is for scratch.
            assert live + shares < len(side.cipher.store.cells) <= 2 * live + shares + 1
            if not live and not shares:
                assert secrets_in(side.cipher.store.cells) == b""


class TwoStoresTests(SynchronousTestCase):
    def test_no_course_of_events_breaks_a_promise(self) -> None:
        run_state_machine_as_test(TwoStores, settings=settings(stateful_step_count=60))
