"""The simple attack: a third machine that learns from the partners' output.

Kanter, Kinzel, Kanter, "Secure exchange of information by synchronization of neural networks",
EPL 57 (2002) 141; Ruttor 2006, 4.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dynamicrypt.lab.attacks.attack import lockstep_group_size, lockstep_outcome
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Simple:
    """`attackers` independent machines listen to each pair; the best of them counts."""

    attackers: int = 1
    name: ClassVar[str] = "simple"

    def group_size(self, exchange: Exchange, runs: int) -> int:
        """See Attack."""
        return lockstep_group_size(exchange, runs)

    def run_group(self, exchange: Exchange, key: int, number: int, runs: int) -> Outcome:
        """See Attack."""
        return lockstep_outcome(
            exchange, key, number, runs, attackers=self.attackers, geometric=False
        )
