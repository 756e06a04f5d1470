"""Lock-step: whose package is due, when ours leaves, and the keys that a finished round makes.

A side *begins* round r + 1 when round r is finished, unless both pause: keys come in turns, so who
has enough must go on for a partner that has not. It *answers* a round that the partner began in any
case, so at most one round runs after the second pause.
"""

from __future__ import annotations

from dynamicrypt.keys.schedule import ChannelKeys
from dynamicrypt.session.link_mint import Mint, Output
from dynamicrypt.session.link_rounds import RoundError, Rounds
from dynamicrypt.session.link_statistics import MachineView
from dynamicrypt.session.link_turns import Turns
from dynamicrypt.wire.link_messages import Query, Round


class LockStep:
    """The rounds of a channel in step with the partner's, from `start` to `wipe`."""

    __slots__ = ("_mint", "_rounds", "_theirs", "_turns", "gated", "held", "sent")

    def __init__(self, turns: Turns, mint: Mint) -> None:
        #: While true, no round leaves: the link has no room. Call `proceed` when that is over.
        self.gated = False
        #: Whether a round was due meanwhile.
        self.held = False
        #: The last round whose package this side has sent.
        self.sent = 0
        self._turns = turns
        self._mint = mint
        self._rounds: Rounds | None = None
        self._theirs: Round | Query | None = None

    def start(self, rounds: Rounds) -> None:
        """The channel is agreed: these are its rounds."""
        self._rounds = rounds

    @property
    def finished(self) -> int:
        """The last round that is finished."""
        return 0 if self._rounds is None else self._rounds.number

    @property
    def next_of_partner(self) -> int:
        """The first round whose package the partner has not sent."""
        return self.finished + (1 if self._theirs is None else 2)

    @property
    def machines(self) -> list[MachineView]:
        """Every machine, its run, and its steps in it; none before `start`."""
        return [] if self._rounds is None else self._rounds.machines

    def take(self, message: Round | Query) -> None:
        """Take the partner's package; `proceed` must follow. Raises RoundError or MintError."""
        if message.round != self.finished + 1 or self._theirs is not None:
            raise RoundError(f"round {message.round} while {self.finished + 1} is due")
        if self._rounds is None or isinstance(message, Query) is not self._rounds.answers:
            raise RoundError("inputs from the side that does not choose them")
        self._mint.expect_confirmed()
        self._theirs = message

    def proceed(self, *, resting: bool) -> list[Output]:
        """Do all that is due; `resting` says that both sides pause.

        Raises RoundError for a package of the partner that does not fit ours.
        """
        out: list[Output] = []
        if self._rounds is not None:
            while self._step(self._rounds, out, resting=resting):
                pass
            if resting:
                self.rest()
        return out

    def rest(self) -> None:
        """Give back what only rounds need, unless one is under way."""
        if self._rounds is not None and self.sent == self.finished:
            self._rounds.bank.rest()

    def wipe(self) -> None:
        """Overwrite all weights."""
        if self._rounds is not None:
            self._rounds.wipe()

    def _step(self, rounds: Rounds, out: list[Output], *, resting: bool) -> bool:
        """Send our package of the next round, or finish it; whether anything was done."""
        number = rounds.number + 1
        keys = self._turns.keys_of(number)
        if keys is None:
            return False
        if self.sent == number:
            return self._finish(rounds, keys, out)
        if not self._may_send(number, rounds, resting=resting):
            return False
        theirs = self._theirs
        out.append(rounds.begin(keys, theirs if isinstance(theirs, Query) else None))
        self.sent = number
        return True

    def _may_send(self, number: int, rounds: Rounds, *, resting: bool) -> bool:
        if self._theirs is None:
            due = not rounds.answers and (not resting or self._turns.wanted(number))
        else:
            due = True
        self.held = due and self.gated
        return due and not self.gated

    def _finish(self, rounds: Rounds, keys: ChannelKeys, out: list[Output]) -> bool:
        theirs, mint = self._theirs, self._mint
        if theirs is None:
            return False
        self._theirs = None
        number = theirs.round
        mint.begin(number)
        rounds.finish(theirs, lambda weights: mint.absorb(weights, keys, number))
        out += mint.finish(number)
        return True
