"""Two nodes' keys under any interleaving of births, losses, cuts, restarts, delays and attacks."""

import math
from dataclasses import replace
from random import Random
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from dynamicrypt.errors import (
    BadCiphertextError,
    DynamiCryptError,
    NoKeyYetError,
    UnsupportedModeError,
    WrongChannelError,
)
from dynamicrypt.keys import window
from dynamicrypt.keys.delivery import next_key
from dynamicrypt.keys.pieces import Splitter
from dynamicrypt.keys.stream import StreamSealer
from tests.keys.memory import secrets_in
from tests.keys.pair import channel_cipher, key, key_id
from tests.keys.stores import LIMITS
from tests.keys.two_nodes import EXPIRED, UNKNOWN, USED, Answer, Sent, Side

#: Clocks of two hosts have nothing in common but their rate.
OFFSETS = (0.0, 5000.0)
ROLES = st.sampled_from([0, 1])


class TwoStores(RuleBasedStateMachine):
    """The link is up between cuts; each side hears of a key when it has made it itself."""

    limits: ClassVar = replace(LIMITS, remembered=200, gaps=10_000)

    @initialize()
    def start(self) -> None:
        self.sides = [Side(channel_cipher(role, self.limits)) for role in (0, 1)]
        self.time = 0.0
        self.life = 0
        self.number = 0
        self.linked = True
        self.keys: dict[bytes, bytes] = {}
        self.sent: list[Sent] = []
        self.seals: set[bytes] = set()
        self.modes: dict[bytes, tuple[int, int]] = {}
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
            side.alive.add(id_)
            self.sides[1 - role].inbox.append(id_)

    # Keys come and go.

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
    @rule(role=ROLES, number=st.integers(1, 8))
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
            waits, held = set(side.cipher.store.own._offered), other.held
            for id_ in held:
                side.cipher.store.confirm(id_)
            for id_ in waits - held:
                side.cipher.store.discard(id_)
            for id_ in held - side.made:
                other.cipher.store.discard(id_)
                other.alive.discard(id_)
            assert side.cipher.store.levels.offered == 0
            assert side.made.issuperset(other.held)
        self.linked = True

    @precondition(lambda self: self.number > 20)
    @rule(role=ROLES)
    def restart(self, role: int) -> None:
        """One process ends and starts again; the other learns of it by its incarnation."""
        other = self.sides[1 - role]
        other.cipher.store.erase()
        other.gatherer.erase()
        other.inbox.clear()
        other.alive.clear()
        other.ended.clear()
        self.sides[role] = Side(channel_cipher(role, self.limits))
        self.life += 1
        self.number = 0

    @rule(seconds=st.sampled_from([0.5, 2.0, 9.0, 60.0, 130.0]))
    def wait(self, seconds: float) -> None:
        self.time += seconds

    # Messages are sealed.

    @precondition(lambda self: self.number)
    @rule(
        role=ROLES,
        mode=st.sampled_from([(1, 0), (1, 0), (2, 0), (3, 2), (3, 9)]),
        messages=st.integers(1, 6),
        hashed=st.booleans(),
    )
    def seal(self, role: int, mode: tuple[int, int], messages: int, hashed: bool) -> None:
        cipher, hash_ = self.sides[role].cipher, ""
        for _ in range(messages):
            text = b"message %d" % len(self.sent)
            try:
                if hashed and mode[0] != 3:
                    envelope, hash_ = cipher.seal_hashed(text, mode[0], self.now(role))
                else:
                    envelope = cipher.seal(text, mode[0], b"", self.now(role), mode[1])
            except NoKeyYetError:
                return
            self.note(role, mode, envelope, text).hash = hash_

    @precondition(lambda self: self.number)
    @rule(role=ROLES, pieces=st.integers(2, 3))
    def split(self, role: int, pieces: int) -> None:
        text = b"message %d" % len(self.sent)
        splitter = Splitter(self.sides[role].cipher, self.fill)
        free = self.sides[role].cipher.store.own.free
        try:
            envelopes = splitter.seal(text, b"", self.now(role), pieces)
        except NoKeyYetError:
            assert self.sides[role].cipher.store.own.free == free < pieces
            return
        sent = [self.note(role, (4, 0), envelope, text) for envelope in envelopes]
        for piece in sent:
            piece.pieces = sent

    @precondition(lambda self: self.number)
    @rule(role=ROLES)
    def stream(self, role: int) -> None:
        text = b"message %d" % len(self.sent)
        try:
            sealer = StreamSealer(self.sides[role].cipher, b"", self.now(role))
        except NoKeyYetError:
            return
        self.note(role, (5, 0), sealer.header + sealer.update(text) + sealer.finish(), text)

    @precondition(lambda self: self.number)
    @rule(role=ROLES)
    def hand_out(self, role: int) -> None:
        try:
            id_, delivered = next_key(self.sides[role].cipher.store, 32, b"rest", self.now(role))
        except NoKeyYetError:
            return
        self.note(role, (0, 0), bytes(4) + id_ + bytes(4), bytes(delivered))

    def note(self, role: int, mode: tuple[int, int], envelope: bytes, text: bytes) -> Sent:
        """Check what was sealed against all that was, and put it on its way."""
        holder = self.sides[1 - role]
        sent = Sent(role, mode[0], envelope, text, self.time, holder.held_in_all, self.life)
        assert envelope[:24] not in self.seals, "a key and counter were used twice"
        served = sum(seal[4:20] == sent.key_id for seal in self.seals)
        assert self.modes.setdefault(sent.key_id, mode) == mode, "a key served two modes"
        assert not served or mode[0] in {1, 3}, "one use was promised"
        assert served < mode[1] or mode[0] != 3, "n uses were promised"
        assert sent.key_id in holder.held, "the partner does not hold the key"
        self.seals.add(envelope[:24])
        self.sent.append(sent)
        return sent

    # Messages arrive: once, again, changed, in any order.

    @precondition(lambda self: self.sent)
    @rule(share=st.sampled_from([0.1, 0.5, 1.0]), order=st.randoms(use_true_random=False))
    def open(self, share: float, order: Random) -> None:
        """Deliver some of all messages, for the first time or again."""
        for sent in order.sample(self.sent, math.ceil(share * len(self.sent))):
            holder, now = self.sides[1 - sent.sender], self.now(1 - sent.sender)
            allowed = self.answers(sent)
            try:
                text = holder.deliver(sent, sent.envelope, b"", now)
            except DynamiCryptError as error:
                self.check_refusal(sent, error, allowed)
            else:
                self.check_opened(sent, text, allowed)
            holder.note_ends(self.time)

    @precondition(lambda self: self.sent)
    @rule(number=st.integers(1, 20), order=st.randoms(use_true_random=False))
    def open_batch(self, number: int, order: Random) -> None:
        """Deliver a few whole messages together, some perhaps twice."""
        batch = [sent for sent in order.choices(self.sent, k=number) if sent.mode in {1, 2, 3}]
        for role in (0, 1):
            arriving = [sent for sent in batch if sent.sender != role]
            items = [(sent.envelope, b"") for sent in arriving]
            results = self.sides[role].cipher.open_batch(items, self.now(role))
            for sent, result in zip(arriving, results, strict=True):
                allowed = self.answers(sent)
                if isinstance(result, DynamiCryptError):
                    self.check_refusal(sent, result, allowed)
                else:
                    self.check_opened(sent, result, allowed)
            self.sides[role].note_ends(self.time)

    def answers(self, sent: Sent) -> set[Answer]:
        """What may become of a message that arrives now."""
        if sent.life != self.life:
            return {UNKNOWN}
        holder = self.sides[1 - sent.sender]
        return holder.answers(sent, self.time, self.limits, window.WINDOW_BITS)

    def check_opened(self, sent: Sent, text: bytes | None, allowed: set[Answer]) -> None:
        assert not sent.opened, "a message opened twice"
        assert None in allowed
        holder = self.sides[1 - sent.sender]
        holder.note_opened(sent)
        assert sent.mode in {1, 3} or sent.key_id not in holder.held
        if text is None:
            assert sent.mode == 4
            assert not all(piece.opened for piece in sent.pieces)
        else:
            assert text == sent.text
            assert all(piece.opened for piece in sent.pieces)

    def check_refusal(self, sent: Sent, error: DynamiCryptError, allowed: set[Answer]) -> None:
        assert type(error) in allowed, f"{error!r}, not {allowed}"
        holder = self.sides[1 - sent.sender]
        in_time = self.time < sent.at + self.limits.late_time
        few_since = holder.held_in_all - sent.held_before <= self.limits.late // 2
        if sent.life == self.life and in_time and few_since and not sent.opened:
            assert holder.overtaken(sent, window.WINDOW_BITS), "a message in time was lost"

    @precondition(lambda self: self.sent)
    @rule(number=st.integers(1, 10), bits=st.randoms(use_true_random=False))
    def forge(self, number: int, bits: Random) -> None:
        """Change one bit of any message: it must not open, nor spoil the true one."""
        for sent in bits.choices(self.sent, k=number):
            forged = bytearray(sent.envelope)
            bit = bits.randrange(8 * len(forged))
            forged[bit // 8] ^= 1 << bit % 8
            if sent.mode:
                self.refuse(sent, bytes(forged), b"")
                self.refuse(sent, sent.envelope, b"other")

    def refuse(self, sent: Sent, envelope: bytes, context: bytes) -> None:
        holder = self.sides[1 - sent.sender]
        try:
            holder.deliver(sent, envelope, context, self.now(1 - sent.sender))
        except (BadCiphertextError, UnsupportedModeError, WrongChannelError):
            return
        except (USED, EXPIRED, UNKNOWN) as error:
            refusal = type(error)
        else:
            raise AssertionError("a message opened that nobody sealed so")
        assert envelope != sent.envelope or refusal in self.answers(sent)

    # What is true at any time.

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
        for side in self.sides:
            side.note_ends(self.time)

    @invariant()
    def nothing_grows_and_nothing_stays(self) -> None:
        limits = self.limits
        for side in self.sides:
            levels, gone = side.cipher.store.levels, side.cipher.store.held._gone
            assert levels.free <= limits.high
            assert levels.offered <= limits.late
            assert levels.held <= limits.high + limits.late
            assert len(gone) <= limits.remembered
            assert gone.volume <= limits.gaps
            live = levels.free + levels.offered + levels.held + levels.in_use
            shares = sum(len(each.shares) for each in side.gatherer._gatherings.values())
            # Every live key has a cell and perhaps one for its sub-key; one more is for scratch.
            assert live + shares < len(side.cipher.store.cells) <= 2 * live + shares + 1
            if not live and not shares:
                assert secrets_in(side.cipher.store.cells) == b""


class Forgetful(TwoStores):
    """Little is remembered of keys that are gone, and few messages may overtake each other."""

    limits: ClassVar = replace(LIMITS, remembered=8, gaps=60)
