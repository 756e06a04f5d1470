"""From passes to keys that both sides have: fusion, confirmation, and what does not match.

Key j belongs to the side of role j mod 2, its owner; the other side, the holder, confirms it.
"""

from __future__ import annotations

from typing import Final

from dynamicrypt.errors import RemoteError
from dynamicrypt.keys.schedule import ID_BYTES, TAG_BYTES, ChannelKeys
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.session.link_events import (
    ChannelEvent,
    ChannelName,
    KeyConfirmed,
    KeyMade,
    KeyUnmatched,
)
from dynamicrypt.session.link_fusion import Fusion
from dynamicrypt.session.link_ledger import Ledger
from dynamicrypt.session.link_statistics import Statistics
from dynamicrypt.wire.link import MAX_KEYS
from dynamicrypt.wire.link_messages import Confirm, Held, Message, Unmatched

_CLAIM: Final = ID_BYTES + TAG_BYTES

Output = Message | ChannelEvent


class MintError(RemoteError):
    """The partner confirmed or disowned out of turn. Its program is faulty; update it."""


class Mint:
    """Makes the keys of one channel and settles them with the partner."""

    def __init__(
        self,
        *,
        number: int,
        role: int,
        name: ChannelName,
        parameters: ExchangeParameters,
        ledger: Ledger,
        statistics: Statistics,
    ) -> None:
        self._number = number
        self._role = role
        self._name = name
        self._fusion = Fusion(parameters)
        self._ledger = ledger
        self._statistics = statistics
        self._discards: set[int] = set()
        self._to_confirm = role
        self._made: list[KeyMade] = []
        self._tags: list[bytes] = []

    def begin(self, round_number: int) -> None:
        """Passes of this round follow; a group may have to be discarded before them."""
        if round_number in self._discards:
            self._discards.discard(round_number)
            self._fusion.discard()

    def absorb(self, weights: memoryview, keys: ChannelKeys, round_number: int) -> None:
        """Take a machine that passed."""
        made = self._fusion.absorb(weights, keys)
        if made is None:
            return
        number, key_id, key = made
        owner = number % 2
        tag = keys.confirmation(key, 1 - owner, key_id)
        if owner == self._role:
            self._ledger.await_tag(key_id, tag)
        else:
            self._ledger.hold(key_id, tag, round_number)
            self._tags.append(tag)
        self._made.append(
            KeyMade(
                channel=self._name, number=number, id=key_id, key=key, owner=owner == self._role
            )
        )

    def finish(self, round_number: int) -> list[Output]:
        """The keys of the round, and our tags for those that we hold."""
        self._ledger.finish(round_number)
        if not self._made:
            return []
        self._statistics.keys += len(self._made)
        first = next((made.number for made in self._made if not made.owner), 0)
        out: list[Output] = [
            Confirm(
                channel=self._number,
                first=first + 2 * at,
                tags=b"".join(self._tags[at : at + MAX_KEYS]),
            )
            for at in range(0, len(self._tags), MAX_KEYS)
        ]
        out += self._made
        self._made, self._tags = [], []
        return out

    def claims(self) -> list[Output]:
        """What this side holds from an earlier link, unacknowledged; the last line says so."""
        claims = self._ledger.begin()
        size = MAX_KEYS * _CLAIM
        last = max(len(claims) - 1, 0) // size
        return [
            Held(channel=self._number, claims=claims[at * size : (at + 1) * size], more=at < last)
            for at in range(last + 1)
        ]

    def take_held(self, message: Held, next_round: int) -> list[Output]:
        """Settle the partner's claims; all lines of them but the last are full.

        Raises MintError for one that is not, or ConfirmationError of the ledger.
        """
        if message.more and len(message.claims) != MAX_KEYS * _CLAIM:
            raise MintError("a line of claims that is not full, and more to come")
        confirmed, wrong, unknown = self._ledger.reconcile(message.claims)
        out: list[Output] = [KeyConfirmed(channel=self._name, id=key_id) for key_id in confirmed]
        lost = [] if message.more else self._ledger.settle()
        out += [KeyUnmatched(channel=self._name, id=key_id) for key_id in wrong + lost]
        return out + self._disown(wrong + unknown, next_round)

    def take_confirm(self, message: Confirm, finished: int, next_round: int) -> list[Output]:
        """Check the holder's tags.

        `finished` is the last finished round, `next_round` the first that we have not sent.
        Raises MintError, or ConfirmationError of the ledger.
        """
        if message.first != self._to_confirm or not message.tags:
            raise MintError(f"a confirmation of key {message.first}, not {self._to_confirm}")
        out: list[Output] = []
        unmatched: list[bytes] = []
        for at in range(0, len(message.tags), TAG_BYTES):
            key_id, right = self._ledger.confirm(message.tags[at : at + TAG_BYTES], finished)
            self._to_confirm += 2
            if right:
                self._statistics.confirmed += 1
                out.append(KeyConfirmed(channel=self._name, id=key_id))
            else:
                unmatched.append(key_id)
                out.append(KeyUnmatched(channel=self._name, id=key_id))
        return out + self._disown(unmatched, next_round)

    def expect_confirmed(self) -> None:
        """The partner begins a round: it must have confirmed every key of those before.

        Raises MintError: who does not would have us wait for more and more keys.
        """
        if self._ledger.awaits:
            raise MintError("a package before the confirmations of the last round")

    def take_unmatched(self, message: Unmatched, their_next: int) -> list[Output]:
        """Drop keys that their owner does not have.

        `their_next` is the first round that the partner has not sent. Raises MintError, or
        ConfirmationError of the ledger.
        """
        if message.round != their_next or not message.ids:
            raise MintError(f"a group discarded in round {message.round}, not {their_next}")
        self._discards.add(message.round)
        out: list[Output] = []
        for at in range(0, len(message.ids), ID_BYTES):
            key_id = message.ids[at : at + ID_BYTES]
            self._ledger.disown(key_id)
            self._statistics.unmatched += 1
            out.append(KeyUnmatched(channel=self._name, id=key_id))
        return out

    def wipe(self) -> None:
        """Erase a part-filled group, and keys that were not reported."""
        self._fusion.discard()
        for made in self._made:
            made.key[:] = bytes(len(made.key))
        self._made = []

    def _disown(self, ids: list[bytes], next_round: int) -> list[Output]:
        """Tell the holder of keys of ours that do not match; groups begin anew on both sides."""
        if not ids:
            return []
        self._discards.add(next_round)
        self._statistics.unmatched += len(ids)
        return [
            Unmatched(channel=self._number, round=next_round, ids=b"".join(ids[at : at + MAX_KEYS]))
            for at in range(0, len(ids), MAX_KEYS)
        ]
