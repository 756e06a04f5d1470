"""What may be told of a channel's machines and of their work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(slots=True, kw_only=True)
class Statistics:
    """What a channel has done since it opened; `steps` are those of machines that passed."""

    rounds: int = 0
    passes: int = 0
    steps: int = 0
    probes: int = 0
    failed_probes: int = 0
    restarts: int = 0
    keys: int = 0
    confirmed: int = 0
    unmatched: int = 0


class MachineView(NamedTuple):
    """What may be shown of a machine."""

    number: int
    active: bool
    run: int
    steps: int
