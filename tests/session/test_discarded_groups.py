"""Which passes make which key, where a confirmation failed: docs/protocol.md, "Keys".

Two sides that both forgot to discard a part-filled group would still agree with each other. So the
passes are written down here, and the groups are made of them as the document says.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.session.link_events import KeyMade, KeyUnmatched
from dynamicrypt.session.link_mint import Mint
from dynamicrypt.wire.link_messages import Confirm, Message, Unmatched
from tests.session.link_pair import SMALL, Pair, up
from tests.session.test_channel import change

FUSION = 4


@dataclass
class Passes:
    """What one side fused: the round and the weights of each machine that passed, in order."""

    taken: list[tuple[int, bytes]] = field(default_factory=list)
    keys: Any = None

    def groups(self, discards: set[int]) -> Iterator[tuple[bytes, int]]:
        """The weights of each key in turn, and how many passes were discarded before it."""
        group: list[bytes] = []
        lost = 0
        open_discards = sorted(discards)
        for round_number, weights in self.taken:
            while open_discards and open_discards[0] <= round_number:
                open_discards.pop(0)
                lost += len(group)
                group = []
            group.append(weights)
            if len(group) == FUSION:
                yield b"".join(group), lost
                group, lost = [], 0

    def key(self, number: int, weights: bytes) -> bytes:
        """The key of this number from these weights; the schedule has vectors of its own."""
        key = bytearray(32)
        self.keys.derive_into(weights, number, self.keys.key_id(number), key)
        return bytes(key)


class DiscardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.passes = (Passes(), Passes())
        absorb = Mint.absorb

        def witness(mint: Mint, weights: memoryview, keys: Any, round_number: int) -> None:
            side = self.passes[mint._role]
            side.taken.append((round_number, bytes(weights)))
            side.keys = keys
            absorb(mint, weights, keys, round_number)

        self.patch(Mint, "absorb", witness)
        self.discards: set[int] = set()
        self.spoilt = 0

    def edit(self, message: Message) -> Message:
        """Spoil every third confirmation; note the rounds before which groups are discarded."""
        if isinstance(message, Unmatched):
            self.discards.add(message.round)
        if isinstance(message, Confirm):
            self.spoilt += 1
            if self.spoilt % 3 == 0:
                return replace(message, tags=bytes([message.tags[0] ^ 1]) + message.tags[1:])
        return message

    def play(self) -> Pair:
        pair = up(parameters=replace(SMALL, fusion=FUSION, machines=16))
        for _ in range(300):
            for side in (0, 1):
                change(pair, side, self.edit)
                pair.deliver(side)
        return pair

    def test_after_a_failed_confirmation_groups_begin_anew(self) -> None:
        pair = self.play()
        lost = 0
        for passes, each in zip(self.passes, pair.nodes, strict=True):
            made = [event for event in each.events if isinstance(event, KeyMade)]
            spoilt = {event.id for event in each.events if isinstance(event, KeyUnmatched)}
            groups = list(passes.groups(self.discards))
            self.assertEqual([event.number for event in made], list(range(len(made))))
            self.assertEqual(len(groups), len(made))
            for event, (weights, before) in zip(made, groups, strict=True):
                lost += before
                if event.id not in spoilt:
                    self.assertEqual(each.keys[event.id], passes.key(event.number, weights))
            self.assertGreater(len(made) - len(spoilt), 20)
            self.assertGreater(len(spoilt), 5)
        self.assertGreater(lost, 10, "no group was part-filled: nothing is shown")
        self.assertTrue(pair.agree())
