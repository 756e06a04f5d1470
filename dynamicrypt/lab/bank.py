"""Two banks that play the rounds of a channel as wire 2 does, in one process and without a link.

The machines are those of the service (`_core.Bank`), the rules those of docs/protocol.md, "Rounds":
packages of the active machines, probes after so many agreements in a row, fresh machines after a
pass, the fourth failed probe, or the step limit. Only the secrets are missing: a probe of unequal
machines passes with the chance of a byte.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from dynamicrypt._core import Bank
from dynamicrypt.params import ExchangeParameters
from dynamicrypt.tpm.machine import new_bank

#: Probes of a run, and the chance of a probe of unequal machines to pass, as in docs/protocol.md.
PROBES: Final = 4
BLIND: Final = 1 / 256


@dataclass(slots=True, kw_only=True)
class Log:
    """What happened in the rounds that were counted; steps are those of one side's machines.

    `differing` lists hold how many weights of the two machines differed: when a probe failed, when
    one passed though it should not, and when the step limit ended a run.
    """

    parameters: ExchangeParameters
    #: Active and probed machines of each round.
    active: list[int] = field(default_factory=list)
    probed: list[int] = field(default_factory=list)
    #: Passes of each round, and the steps of each pass in its run.
    passes: list[int] = field(default_factory=list)
    pass_steps: list[int] = field(default_factory=list)
    #: Runs with a failed probe; steps from the first of them to the pass, for those that passed.
    missed_runs: int = 0
    repair_steps: list[int] = field(default_factory=list)
    differing_at_probe: list[int] = field(default_factory=list)
    differing_at_pass: list[int] = field(default_factory=list)
    differing_at_limit: list[int] = field(default_factory=list)
    #: Runs that ended with the last probe that a run may have.
    worn_out: int = 0
    #: Processor seconds of one side's machines, without making the inputs.
    seconds: float = 0.0

    @property
    def rounds(self) -> int:
        """The number of rounds."""
        return len(self.active)

    @property
    def keys(self) -> float:
        """Keys that the passes make."""
        return len(self.pass_steps) / self.parameters.fusion

    @property
    def machine_steps(self) -> int:
        """Steps of all machines of one side, those of runs in vain included."""
        return sum(self.active) * self.parameters.package


class Banks:
    """The banks of both partners. Equal seeds give equal rounds."""

    def __init__(self, parameters: ExchangeParameters, *, seed: int = 0) -> None:
        self._parameters = parameters
        self._random = np.random.default_rng(seed)
        self._a, self._b = (
            new_bank(
                parameters.machine,
                machines=parameters.machines,
                package=parameters.package,
                fill=self._fill,
            )
            for _ in range(2)
        )
        self._round = 0
        self._probed: list[int] = []
        self._failed: dict[int, list[int]] = {}

    def play(self, rounds: int) -> Log:
        """The next rounds. For figures of a bank at work, play and forget some first."""
        log = Log(parameters=self._parameters)
        for _ in range(rounds):
            self.play_on(log)
        return log

    def play_on(self, log: Log) -> None:
        """One more round, noted in `log`."""
        log.active.append(self._a.active)
        log.probed.append(len(self._probed))
        due, late = self._learn(log) if self._a.active else ([], [])
        passes = sum(self._decide(machine, log) for machine in self._probed)
        log.passes.append(passes)
        for machine in late:
            log.differing_at_limit.append(self._differing(machine))
            self._redraw(machine)
        for machine in due:
            self._a.hold(machine)
            self._b.hold(machine)
        self._probed = due
        self._round += 1

    def _learn(self, log: Log) -> tuple[list[int], list[int]]:
        parameters = self._parameters
        if parameters.query is None:
            inputs = self._random.bytes(self._a.round_input_bytes)
        else:
            asker = self._b if self._round % 2 else self._a
            inputs = asker.query(parameters.query / 1000, self._fill)
        start = time.thread_time()
        outputs_a, outputs_b = self._a.evaluate(inputs), self._b.evaluate(inputs)
        found = self._a.learn(outputs_b, parameters.agreements, parameters.step_limit)
        self._b.learn(outputs_a, parameters.agreements, parameters.step_limit)
        log.seconds += (time.thread_time() - start) / 2
        return found

    def _decide(self, machine: int, log: Log) -> bool:
        differing = self._differing(machine)
        steps = self._a.steps(machine)
        if differing and self._random.random() >= BLIND:
            log.differing_at_probe.append(differing)
            failed = self._failed.setdefault(machine, [])
            failed.append(steps)
            log.missed_runs += len(failed) == 1
            if len(failed) == PROBES:
                log.worn_out += 1
                self._redraw(machine)
            else:
                self._a.release(machine)
                self._b.release(machine)
            return False
        if differing:
            log.differing_at_pass.append(differing)
        elif machine in self._failed:
            log.repair_steps.append(steps - self._failed[machine][0])
        log.pass_steps.append(steps)
        self._redraw(machine)
        return True

    def _differing(self, machine: int) -> int:
        a, b = (_weights(bank, machine) for bank in (self._a, self._b))
        return int((a != b).sum())

    def _redraw(self, machine: int) -> None:
        self._failed.pop(machine, None)
        self._a.redraw(machine)
        self._b.redraw(machine)

    def _fill(self, buffer: memoryview) -> None:
        buffer[:] = self._random.bytes(len(buffer))


def _weights(bank: Bank, machine: int) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    return np.frombuffer(bank.weights(machine), np.int8)
