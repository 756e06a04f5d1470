"""The genetic attack: a population of machines that branches and is selected.

Klimov, Mityagin, Shamir, "Analysis of neural cryptography", ASIACRYPT 2002; Ruttor 2006, 4.1.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dynamicrypt.lab.attacks.attack import crowd_outcome
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Genetic:
    """At most `attackers` machines at a time; for K up to 7."""

    attackers: int = 4096
    name: ClassVar[str] = "genetic"

    def group_size(self, exchange: Exchange, runs: int) -> int:
        """See Attack."""
        return 1 if runs <= 256 else 4

    def run_group(self, exchange: Exchange, key: int, number: int, runs: int) -> Outcome:
        """See Attack."""
        return crowd_outcome(
            exchange, key, number, runs, attackers=self.attackers, strategy="genetic"
        )
