"""The channels of one link: their numbers, names and epochs.

Role 0 numbers the channels that it opens 0, 2, 4, ..., role 1 those of its own 1, 3, 5, ...; each
number is used once. Messages of a channel that is over may still be under way: they are ignored.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from dynamicrypt.errors import ProtocolStateError, RemoteError
from dynamicrypt.keys.schedule import SECRET_BYTES, Parties
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.session.channel import ChannelSession
from dynamicrypt.session.channel_states import State
from dynamicrypt.session.link_admission import Admission, Judge, Refusal, difference
from dynamicrypt.session.link_epochs import Epochs
from dynamicrypt.session.link_events import ChannelDown, ChannelName, LinkEvent
from dynamicrypt.session.link_ledger import MARK_BYTES, Ledger
from dynamicrypt.session.link_mint import Output
from dynamicrypt.session.link_node import ThisNode
from dynamicrypt.session.link_outbox import FloodError
from dynamicrypt.session.link_turns import TurnError
from dynamicrypt.wire.link import MAX_CHANNELS, check_name, clip
from dynamicrypt.wire.link_messages import ChannelMessage, Close, Open, Refuse

#: Opens that a partner may send while we have no room to answer.
MAX_UNANSWERED: Final = 2 * MAX_CHANNELS


class NumberError(RemoteError):
    """The partner used a number that no channel has had. Its program is faulty; update it."""


class Channels:
    """All channels of one side of a link; `judge` decides on those that the partner opens."""

    def __init__(
        self, node: ThisNode, *, role: int, parties: Parties, epochs: Epochs, judge: Judge
    ) -> None:
        self._node = node
        self._role = role
        self._parties = parties
        self._epochs = epochs
        self._judge = judge
        self._by_number: dict[int, ChannelSession] = {}
        self._by_name: dict[ChannelName, ChannelSession] = {}
        # Channels that may go on, by number; who has waited longest is the first.
        self._due: dict[int, ChannelSession] = {}
        self._next = [0, 1]
        self._gated = False
        self._unanswered = 0

    @property
    def names(self) -> list[ChannelName]:
        """All names."""
        return list(self._by_name)

    @property
    def owed(self) -> list[str]:
        """What the partner owes to each channel."""
        return [owed for channel in self._by_number.values() if (owed := channel.owed)]

    @property
    def due(self) -> int:
        """How many channels can go on with what held them back until now."""
        return 0 if self._gated else len(self._due)

    def named(self, name: ChannelName) -> ChannelSession:
        """The channel of a name. Raises ProtocolStateError if there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            raise ProtocolStateError("there is no such channel") from None

    def open(
        self, name: ChannelName, parameters: ExchangeParameters, ledger: Ledger
    ) -> list[Output]:
        """Open a channel.

        Raises ParameterError for a name that cannot be sent, and ProtocolStateError if the
        channel exists, or there are too many.
        """
        check_name(name.service)
        check_name(name.partner)
        if name in self._by_name:
            raise ProtocolStateError("the channel exists")
        if len(self._by_number) >= MAX_CHANNELS:
            raise ProtocolStateError(f"a link has {MAX_CHANNELS} channels at most")
        number = self._next[self._role]
        self._next[self._role] += 2
        return self._add(number, name, parameters, ledger).offer()

    def close(self, name: ChannelName, reason: str) -> list[Output]:
        """Close a channel. Raises ProtocolStateError if there is none."""
        channel = self.named(name)
        self._forget(channel)
        return channel.close(reason)

    def take_open(self, message: Open) -> list[Output]:
        """Accept or refuse a channel. Raises NumberError or FloodError."""
        theirs = 1 - self._role
        if message.channel % 2 != theirs or message.channel < self._next[theirs]:
            raise NumberError(f"a channel of number {message.channel} cannot be opened")
        self._next[theirs] = message.channel + 2
        if self._gated:
            self._unanswered += 1
            if self._unanswered > MAX_UNANSWERED:
                raise FloodError("too many channels opened at once")
        name = ChannelName(service=message.partner, partner=message.service)
        decision = self._decide(name, message.parameters)
        if isinstance(decision, Refusal):
            return [
                Refuse(
                    channel=message.channel, reason=decision.reason, detail=clip(decision.detail)
                )
            ]
        out: list[Output] = []
        crossed = self._by_name.get(name)
        if crossed is not None:
            # Role 0 refuses ours, unless it has closed its own meanwhile: then this ends ours.
            self._forget(crossed)
            crossed.wipe()
            out.append(Close(channel=crossed.number, reason="crossed"))
        channel = self._add(message.channel, name, decision.parameters, decision.ledger)
        return out + channel.admit(message.nonce)

    def take(self, message: ChannelMessage) -> list[Output]:
        """Give a message to its channel. Raises RemoteError."""
        channel = self._by_number.get(message.channel)
        if channel is None:
            if message.channel >= self._next[message.channel % 2]:
                raise NumberError(f"there is no channel {message.channel}")
            return []
        out = channel.receive(message)
        if channel.state is State.CLOSED:
            self._forget(channel)
        return out

    def gate(self, *, closed: bool) -> None:
        """Hold rounds back, or make the channels due that have one to send."""
        self._gated = closed
        self._unanswered = 0
        for number, channel in self._by_number.items():
            if channel.gate(closed=closed):
                self._due.setdefault(number, channel)

    def go_on(self, most: int) -> list[Output]:
        """Let so many of the channels that are due go on. Raises RemoteError."""
        out: list[Output] = []
        for number in list(islice(self._due, min(most, self.due))):
            out += self._due.pop(number).proceed()
        return out

    def epoch_proven(self) -> None:
        """An epoch is proven, which channels may have waited for: all of them are due."""
        for number, channel in self._by_number.items():
            self._due.setdefault(number, channel)

    def settle_epoch(self) -> None:
        """The next epoch is about to be proven: the last moment for the keys of this one."""
        for channel in self._due.values():
            channel.derive()

    def first_rounds(self) -> tuple[tuple[int, int], ...]:
        """Role 0 names the first round of the next epoch for each channel.

        Not for those that role 1 opened and role 0 has not accepted: there are none.
        """
        return tuple(
            (number, self._by_number[number].first_of_next_epoch)
            for number in sorted(self._by_number)
            if not self._unagreed(number)
        )

    def own_turns(self, epoch: int, rounds: tuple[tuple[int, int], ...]) -> None:
        """Role 0 has named the first rounds of an epoch."""
        for number, first in rounds:
            self._begin_epoch(self._by_number[number], first, epoch)

    def take_turns(self, epoch: int, rounds: tuple[tuple[int, int], ...]) -> None:
        """Role 1 learns the first rounds of an epoch.

        Raises TurnError if a channel that role 0 knows is missing, or a round is impossible.
        """
        named = dict(rounds)
        for number, channel in self._by_number.items():
            if self._unagreed(number):
                continue
            if number not in named:
                raise TurnError(f"no first round for channel {number}")
            self._begin_epoch(channel, named[number], epoch)

    def drop(self, reason: str) -> list[LinkEvent]:
        """The link is over: wipe every channel."""
        events: list[LinkEvent] = []
        for channel in self._by_number.values():
            channel.wipe()
            events.append(ChannelDown(channel=channel.name, reason=reason, by_partner=False))
        self._by_number, self._by_name, self._due = {}, {}, {}
        return events

    def _begin_epoch(self, channel: ChannelSession, first: int, epoch: int) -> None:
        channel.begin_epoch(first, epoch)
        self._due.setdefault(channel.number, channel)

    def _unagreed(self, number: int) -> bool:
        """Whether role 1 has opened this channel and role 0 has not accepted it yet."""
        return number % 2 == 1 and self._by_number[number].state is State.OPENING

    def _decide(self, name: ChannelName, parameters: ExchangeParameters) -> Admission | Refusal:
        existing = self._by_name.get(name)
        if existing is not None and (existing.state is not State.OPENING or self._role == 0):
            # Both sides opened it at once: the channel that role 0 opened is the one that stays.
            crossed = existing.state is State.OPENING
            return Refusal(reason="crossed" if crossed else "exists", detail="")
        if existing is None and len(self._by_number) >= MAX_CHANNELS:
            return Refusal(reason="too-many", detail=f"a link has {MAX_CHANNELS} at most")
        decision = self._judge(name)
        if isinstance(decision, Refusal):
            return decision
        differing = difference(decision.parameters, parameters)
        if differing is not None:
            return Refusal(reason="parameters", detail=differing)
        return decision

    def _add(
        self, number: int, name: ChannelName, parameters: ExchangeParameters, ledger: Ledger
    ) -> ChannelSession:
        nonce = bytearray(SECRET_BYTES)
        self._node.fill(memoryview(nonce))
        ledger.mark = ledger.mark or bytes(nonce[:MARK_BYTES])
        nonce[:MARK_BYTES] = ledger.mark
        channel = ChannelSession(
            number=number,
            role=self._role,
            parties=self._parties,
            name=name,
            parameters=parameters,
            nonce=bytes(nonce),
            epochs=self._epochs,
            ledger=ledger,
            make_bank=self._node.make_bank,
            fill=self._node.fill,
            scratch=self._node.scratch,
        )
        channel.gate(closed=self._gated)
        self._by_number[number] = channel
        self._by_name[name] = channel
        return channel

    def _forget(self, channel: ChannelSession) -> None:
        del self._by_number[channel.number]
        del self._by_name[channel.name]
        self._due.pop(channel.number, None)
