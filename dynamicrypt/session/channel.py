"""One channel of a link: opening, rounds, pausing and closing.

Feed it each message of its channel; it answers with messages to send and events to act on. It
has no clock, no transport and no generator of its own (docs/protocol.md, "Channels").
"""

from __future__ import annotations

from typing import Final

from dynamicrypt.keys.schedule import ChannelContext, Parties
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.session.channel_states import (
    TRANSITIONS,
    UP,
    Move,
    State,
    after,
)
from dynamicrypt.session.link_bank import Fill, MakeBank
from dynamicrypt.session.link_events import (
    ChannelDown,
    ChannelName,
    ChannelRefused,
    ChannelUp,
    KeysForgotten,
    PartnerPaused,
    PartnerResumed,
)
from dynamicrypt.session.link_ledger import MARK_BYTES, Ledger
from dynamicrypt.session.link_lockstep import LockStep
from dynamicrypt.session.link_mint import Mint, Output
from dynamicrypt.session.link_rounds import Rounds
from dynamicrypt.session.link_scratch import Scratch
from dynamicrypt.session.link_statistics import MachineView, Statistics
from dynamicrypt.session.link_turns import EpochSource, Turns
from dynamicrypt.wire.link import clip
from dynamicrypt.wire.link_messages import (
    Accept,
    ChannelMessage,
    Close,
    Confirm,
    Held,
    Open,
    Pause,
    Query,
    Refuse,
    Resume,
    Round,
    Unmatched,
)


class ChannelSession:
    """One side of a channel; see the module.

    `nonce` is the ledger's mark and fresh random bytes, 32 in all. `ledger` outlives the session.
    """

    def __init__(
        self,
        *,
        number: int,
        role: int,
        parties: Parties,
        name: ChannelName,
        parameters: ExchangeParameters,
        nonce: bytes,
        epochs: EpochSource,
        ledger: Ledger,
        make_bank: MakeBank,
        fill: Fill,
        scratch: Scratch,
    ) -> None:
        self.state = State.NEW
        self.name: Final = name
        self.number: Final = number
        self.parameters: Final = parameters
        self.statistics: Final = Statistics()
        self._role = role
        self._parties = parties
        self._nonce = nonce
        self._ledger = ledger
        self._turns = Turns(epochs)
        self._make_bank = make_bank
        self._fill = fill
        self._scratch = scratch
        self._mint = Mint(
            number=number,
            role=role,
            name=name,
            parameters=parameters,
            ledger=ledger,
            statistics=self.statistics,
        )
        self._steps = LockStep(self._turns, self._mint)
        self._pause_wanted = False

    # What this side does.

    def offer(self) -> list[Output]:
        """Ask the partner for the channel."""
        self._move(Move.OFFER)
        if self._role == 0:
            self._turns.begin()
        return [
            Open(
                channel=self.number,
                service=self.name.service,
                partner=self.name.partner,
                nonce=self._nonce,
                parameters=self.parameters,
            )
        ]

    def admit(self, nonce: bytes) -> list[Output]:
        """Accept the channel that the partner opened with this nonce."""
        self._move(Move.ADMIT)
        self._turns.begin()
        out = self._agree(nonce)
        return [Accept(channel=self.number, nonce=self._nonce), *out, *self._mint.claims()]

    def pause(self) -> list[Output]:
        """Have enough; rounds end when both sides do. Before the channel is up: once it is."""
        self._pause_wanted = self.state not in UP
        if (self.state, Move.PAUSE) not in TRANSITIONS:
            return []
        self._move(Move.PAUSE)
        self._rest()
        return [Pause(channel=self.number)]

    def resume(self) -> list[Output]:
        """Begin rounds again."""
        self._pause_wanted = False
        if (self.state, Move.RESUME) not in TRANSITIONS:
            return []
        self._move(Move.RESUME)
        return [Resume(channel=self.number), *self.proceed()]

    def close(self, reason: str) -> list[Output]:
        """End the channel and tell the partner."""
        self._move(Move.CLOSE)
        self.wipe()
        return [
            Close(channel=self.number, reason=clip(reason)),
            ChannelDown(channel=self.name, reason=reason, by_partner=False),
        ]

    def wipe(self) -> None:
        """Erase weights, the part-filled group and the channel's keys; the ledger stays."""
        self.state = State.CLOSED
        self._turns.wipe()
        self._mint.wipe()
        self._steps.wipe()

    @property
    def sent(self) -> int:
        """The last round whose package this side has sent."""
        return self._steps.sent

    @property
    def owed(self) -> str | None:
        """What the partner owes us, in words that change with every progress; None for nothing."""
        if self.state in {State.OPENING, State.SETTLING}:
            return f"channel {self.number} is {self.state.name.lower()}"
        if self.sent > self._steps.finished:
            return f"round {self.sent} of channel {self.number}"
        return None

    @property
    def machines(self) -> list[MachineView]:
        """Every machine, its run, and its steps in it; none unless the channel is open."""
        return [] if self.state is State.CLOSED else self._steps.machines

    @property
    def first_of_next_epoch(self) -> int:
        """The round that role 0 names: late enough that rounds under way need not wait for it."""
        return self.sent + (2 if self.state is State.RESTING else 4)

    def begin_epoch(self, first: int, epoch: int) -> None:
        """The epoch begins with round `first` of this channel; `proceed` must follow.

        Raises TurnError.
        """
        self._turns.add(first, epoch, self.sent)

    def derive(self) -> None:
        """Derive the keys of an epoch that is proven, before the next one is."""
        self._turns.refresh()

    def gate(self, *, closed: bool) -> bool:
        """Close or open the gate: while it is closed no round leaves.

        Returns whether it has held one back, so that `proceed` must follow.
        """
        self._steps.gated = closed
        return self._steps.held and not closed

    def proceed(self) -> list[Output]:
        """Do what an unproven epoch, a pause or the gate held back."""
        self.derive()
        if self.state not in UP:
            return []
        return self._steps.proceed(resting=self.state is State.RESTING)

    # What the partner does.

    def receive(self, message: ChannelMessage) -> list[Output]:
        """What follows from a message of the partner.

        Raises RemoteError for one that is not allowed now; the session is of no use afterwards.
        """
        match message:
            case Round() | Query():
                return self._take_round(message)
            case Confirm():
                self._move(Move.TAKE_CONFIRM)
                return self._mint.take_confirm(message, self._steps.finished, self.sent + 1)
            case Unmatched():
                self._move(Move.TAKE_UNMATCHED)
                return self._mint.take_unmatched(message, self._steps.next_of_partner)
            case Held():
                return self._take_held(message)
            case _:
                return self._take_command(message)

    def _take_command(self, message: Accept | Refuse | Pause | Resume | Close) -> list[Output]:
        match message:
            case Accept():
                self._move(Move.TAKE_ACCEPT)
                if self._role == 1:
                    self._turns.begin()
                out = [*self._agree(message.nonce), *self._mint.claims()]
            case Refuse():
                self._move(Move.TAKE_REFUSE)
                self.wipe()
                out = [
                    ChannelRefused(channel=self.name, reason=message.reason, detail=message.detail)
                ]
            case Pause():
                self._move(Move.TAKE_PAUSE)
                self._rest()
                out = [PartnerPaused(channel=self.name)]
            case Resume():
                self._move(Move.TAKE_RESUME)
                out = [PartnerResumed(channel=self.name), *self.proceed()]
            case Close():
                self._move(Move.TAKE_CLOSE)
                self.wipe()
                out = [ChannelDown(channel=self.name, reason=message.reason, by_partner=True)]
        return out

    def _take_held(self, message: Held) -> list[Output]:
        self._move(Move.TAKE_HELD if message.more else Move.TAKE_LAST_HELD)
        out = self._mint.take_held(message, self.sent + 1)
        if message.more:
            return out
        out.append(ChannelUp(channel=self.name))
        if self._pause_wanted:
            out += self.pause()
        return out + self.proceed()

    def _take_round(self, message: Round | Query) -> list[Output]:
        self._move(Move.TAKE_ROUND)
        self._steps.take(message)
        return self.proceed()

    def _agree(self, nonce: bytes) -> list[Output]:
        """Both nonces are known: the context is complete."""
        ours, theirs = (self.name.service, self._nonce), (self.name.partner, nonce)
        first, second = (ours, theirs) if self._role == 0 else (theirs, ours)
        context = ChannelContext(
            parties=self._parties,
            services=(first[0], second[0]),
            nonces=(first[1], second[1]),
            parameters=self.parameters,
            channel=self.number,
        )
        self._turns.agree(context)
        self._steps.start(
            Rounds(
                context=context,
                role=self._role,
                bank=self._make_bank(self.parameters, self._fill),
                fill=self._fill,
                scratch=self._scratch,
                statistics=self.statistics,
            )
        )
        anew = self._ledger.meet(nonce[:MARK_BYTES])
        return [KeysForgotten(channel=self.name)] if anew else []

    def _rest(self) -> None:
        if self.state is State.RESTING:
            self._steps.rest()

    def _move(self, move: Move) -> None:
        self.state = after(self.state, move)
