"""The geometric (flipping) attack: a machine that corrects its least certain unit.

Klimov, Mityagin, Shamir, "Analysis of neural cryptography", ASIACRYPT 2002; Ruttor 2006, 4.1.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dynamicrypt.lab.attacks.attack import (
    crowd_outcome,
    lockstep_group_size,
    lockstep_outcome,
)
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.outcome import Outcome

#: From so many restarts on it is faster to have them in the lanes than to have pairs there.
MANY = 30


@dataclass(frozen=True, slots=True)
class Geometric:
    """`attackers` independent machines listen to each pair; the best of them counts.

    These are restarts against one recorded exchange.
    """

    attackers: int = 1
    name: ClassVar[str] = "geometric"

    def group_size(self, exchange: Exchange, runs: int) -> int:
        """See Attack."""
        if self._alone:
            return lockstep_group_size(exchange, runs)
        return min(max(runs // 16, 8), 64)

    def run_group(self, exchange: Exchange, key: int, number: int, runs: int) -> Outcome:
        """See Attack."""
        if self._alone:
            return lockstep_outcome(
                exchange, key, number, runs, attackers=self.attackers, geometric=True
            )
        return crowd_outcome(
            exchange, key, number, runs, attackers=self.attackers, strategy="geometric"
        )

    @property
    def _alone(self) -> bool:
        return self.attackers < MANY
