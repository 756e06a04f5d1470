"""Whether a channel that the partner opens is admitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dynamicrypt.params import ExchangeParameters
from dynamicrypt.session.link_events import ChannelName
from dynamicrypt.session.link_ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The channel may be opened with these parameters; `ledger` is its own, kept between links."""

    parameters: ExchangeParameters
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The channel is refused: a lower-case word for programs, and a text for people."""

    reason: str
    detail: str


#: Decides on a channel that the partner opens, named as this node sees it.
Judge = Callable[[ChannelName], Admission | Refusal]


def difference(ours: ExchangeParameters, theirs: ExchangeParameters) -> str | None:
    """What the two sides do not agree on, in words; None if they agree on all numbers."""
    numbers = (
        ("K", ours.machine.K, theirs.machine.K),
        ("N", ours.machine.N, theirs.machine.N),
        ("L", ours.machine.L, theirs.machine.L),
        ("rule", ours.machine.rule.value, theirs.machine.rule.value),
        ("inputs", ours.inputs, theirs.inputs),
        ("B", ours.package, theirs.package),
        ("m", ours.fusion, theirs.fusion),
        ("machines", ours.machines, theirs.machines),
        ("agreements", ours.agreements, theirs.agreements),
        ("step limit", ours.step_limit, theirs.step_limit),
    )
    differing = [
        f"{name} is {here} here, {there} there" for name, here, there in numbers if here != there
    ]
    return "; ".join(differing) or None
