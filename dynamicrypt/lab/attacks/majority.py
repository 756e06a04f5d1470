"""The majority attack: machines that agree on an internal representation.

Shacham, Klein, Mislovaty, Kanter, Kinzel, "Cooperating attackers in neural cryptography",
Phys. Rev. E 69 (2004) 066137; Ruttor 2006, 4.1.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dynamicrypt.lab.attacks.attack import crowd_outcome
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Majority:
    """`attackers` machines listen to each pair and vote in even steps from the 101st on."""

    attackers: int = 100
    name: ClassVar[str] = "majority"

    def group_size(self, exchange: Exchange, runs: int) -> int:
        """See Attack."""
        return min(max(runs // 16, 8), 64)

    def run_group(self, exchange: Exchange, key: int, number: int, runs: int) -> Outcome:
        """See Attack."""
        return crowd_outcome(
            exchange, key, number, runs, attackers=self.attackers, strategy="majority"
        )
