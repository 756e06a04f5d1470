"""What a key costs the partners: rounds, bytes on the link, steps and time of their machines.

Bytes follow from the lines of docs/protocol.md and the records of TLS 1.3 (RFC 8446, 5.2); what is
rare is left out: epochs, pauses, pings, and the acknowledgements of TCP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import Final

import numpy as np

from dynamicrypt.lab.bank import Banks, Log
from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.statistics import Estimate, mean
from dynamicrypt.params import ExchangeParameters

#: A record's header, type and tag; and how much plaintext it holds.
RECORD_OVERHEAD: Final = 22
RECORD_BYTES: Final = 1 << 14

#: Bytes of the tag that confirms a key.
TAG_BYTES: Final = 16

#: Digits of the number of a round or key, and of a channel: of the first hours of the first one.
NUMBER_DIGITS: Final = 5
CHANNEL_DIGITS: Final = 1

#: Rounds after which one that waits for passes gives up.
PATIENCE: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of a key of a bank at work.

    `rounds` and `bytes` (both directions, TLS included) are those of the whole bank, shared among
    its keys; `steps` and `seconds` (of one processor core, AES for the inputs not included) are of
    one side's machines, runs in vain included. `run_rounds` is how many rounds a run that passes
    takes, its probe included, so m runs side by side make a key after about as many round trips.
    """

    keys: float
    rounds: float
    bytes: float
    steps: float
    seconds: float
    run_rounds: Estimate
    #: Share of the runs that pass; the others end at the step limit or with the last probe.
    passing: float
    #: Failed probes for each pass, and the median of the weights that differed then.
    failed_probes: float
    differing: float
    #: Share of the runs with a failed probe that passed later.
    repaired: float
    #: Share of equal machines among the runs that the limit ended: no probe came in time.
    equal_at_limit: float


def base64_bytes(size: int) -> int:
    """Characters of `size` bytes in base64 with padding."""
    return -(-size // 3) * 4


def package_line(parameters: ExchangeParameters, active: int, probed: int) -> int:
    """Bytes of a side's `round` line with its LF."""
    outputs = -(-active * parameters.package // 8)
    words = len("round") + CHANNEL_DIGITS + NUMBER_DIGITS
    return words + base64_bytes(outputs) + base64_bytes(probed) + 5


def asking_line(parameters: ExchangeParameters, active: int, probed: int) -> int:
    """Bytes of a `query` line with its LF, which the side that asks sends instead."""
    inputs = base64_bytes(parameters.package_input_bytes * active)
    return package_line(parameters, active, probed) + inputs + 1


def confirmation_line(keys: int) -> int:
    """Bytes of a `confirm` line with its LF; nothing for no keys."""
    if keys == 0:
        return 0
    words = len("confirm") + CHANNEL_DIGITS + NUMBER_DIGITS
    return words + base64_bytes(TAG_BYTES * keys) + 4


def round_bytes(parameters: ExchangeParameters, active: int, probed: int, keys: int) -> int:
    """Bytes of one round in both directions, with the confirmations of `keys` keys before it.

    Partners fall into turns: who gets a package that he waits for sends his own of this round and
    of the next one together. So a round has one record, if it fits; else they have two.
    """
    confirmations = keys // 2, keys - keys // 2
    line = package_line(parameters, active, probed)
    asked = line if parameters.query is None else asking_line(parameters, active, probed)
    size = line + asked + sum(map(confirmation_line, confirmations))
    return size + -(-size // RECORD_BYTES) * RECORD_OVERHEAD


def bytes_of(log: Log) -> int:
    """Bytes of all rounds of a log in both directions."""
    fusion = log.parameters.fusion
    total = done = 0
    for active, probed, passes in zip(log.active, log.probed, log.passes, strict=True):
        keys = (done + passes) // fusion - done // fusion
        done += passes
        total += round_bytes(log.parameters, active, probed, keys)
    return total


def cost_of(log: Log) -> Cost:
    """The cost that a log shows. Raises ExperimentError if no run passed in it."""
    if not log.pass_steps:
        raise ExperimentError(f"no machine passed in {log.rounds} rounds: raise the step limit")
    package = log.parameters.package
    ended = len(log.pass_steps) + len(log.differing_at_limit) + log.worn_out
    return Cost(
        keys=log.keys,
        rounds=log.rounds / log.keys,
        bytes=bytes_of(log) / log.keys,
        steps=log.machine_steps / log.keys,
        seconds=log.seconds / log.keys,
        run_rounds=mean([steps / package + 1 for steps in log.pass_steps]),
        passing=len(log.pass_steps) / ended,
        failed_probes=len(log.differing_at_probe) / len(log.pass_steps),
        differing=float(np.median(log.differing_at_probe)) if log.differing_at_probe else nan,
        repaired=len(log.repair_steps) / log.missed_runs if log.missed_runs else nan,
        equal_at_limit=(
            log.differing_at_limit.count(0) / len(log.differing_at_limit)
            if log.differing_at_limit
            else nan
        ),
    )


def measure(
    parameters: ExchangeParameters,
    *,
    passes: int = 2000,
    seed: int = 0,
    progress: Callable[[int], object] = lambda passes: None,
) -> Cost:
    """Play the rounds of a bank until about so many runs have passed, and count.

    A bank begins with all its machines at the same step, so the first runs do not count: as many as
    it has machines, or two times the step limit. Raises ExperimentError if no run passes
    within PATIENCE rounds.
    """
    banks = Banks(parameters, seed=seed)
    limit = 2 * -(-parameters.step_limit // parameters.package)
    play_until(banks, Log(parameters=parameters), parameters.machines, limit)
    log = Log(parameters=parameters)
    play_until(banks, log, passes, PATIENCE, progress)
    return cost_of(log)


def play_until(
    banks: Banks,
    log: Log,
    passes: int,
    rounds: int,
    progress: Callable[[int], object] = lambda passes: None,
) -> None:
    """Play until so many runs have passed, but at most so many rounds."""
    while len(log.pass_steps) < passes and log.rounds < rounds:
        banks.play_on(log)
        progress(log.passes[-1])
