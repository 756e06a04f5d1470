"""Rounds of a bank in lock-step: packages, learning, probes and their verdicts.

A round is finished when both sides' packages of it are known. Machines with enough agreements in a
row are held and probed with the next round instead of sending outputs; equal probes of both sides
in one round make a pass. Everything that decides is on both sides' wires, so both come to the same
order of passes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

from dynamicrypt.errors import RemoteError
from dynamicrypt.keys.schedule import (
    PROBE_HEADER_BYTES,
    ChannelContext,
    ChannelKeys,
    first_transcript,
    input_key,
    probe_header,
)
from dynamicrypt.session.link_bank import Bank, Fill
from dynamicrypt.session.link_scratch import Scratch
from dynamicrypt.session.link_statistics import MachineView, Statistics
from dynamicrypt.wire.link_messages import Query, Round

#: Probes of a run; each of both sides' gives 8 bits of a MAC away, so their number is bounded.
PROBES: Final = 4

#: Takes the weights of a machine that passed, which last for the call only.
Absorb = Callable[[memoryview], None]


class RoundError(RemoteError):
    """The partner sent a package that is not the one due. Its program is faulty; update it."""


class Rounds:
    """The rounds of one channel. `begin` gives our package, `finish` takes the partner's."""

    def __init__(
        self,
        *,
        context: ChannelContext,
        role: int,
        bank: Bank,
        fill: Fill,
        scratch: Scratch,
        statistics: Statistics,
    ) -> None:
        parameters = context.parameters
        #: The last round that was finished; the first one is 1.
        self.number = 0
        self.bank = bank
        self.probed: list[int] = []
        self.transcript = first_transcript(context)
        self._role = role
        self._channel = context.channel
        self._machines = parameters.machines
        self._agreements = parameters.agreements
        self._limit = parameters.step_limit
        self._field = None if parameters.query is None else parameters.query / 1000
        self._fill = fill
        self._scratch = scratch
        self._statistics = statistics
        self._expand = Cipher(AES256(input_key(context)), ECB()).encryptor()  # noqa: S305
        # Each block is a counter of its own: ECB of counters is the key stream of CTR.
        scratch.reserve(
            parameters.package_input_bytes * parameters.machines, parameters.machine.weights
        )
        self._tries: dict[int, int] = {}
        self._ours: Round | Query | None = None
        self._message_bytes = PROBE_HEADER_BYTES + parameters.machine.weights

    def chooses(self, role: int) -> bool:
        """Whether the role sends the inputs of the next round: with queries, role 0 of the odd."""
        return self._field is not None and self.number % 2 == role

    @property
    def answers(self) -> bool:
        """Whether our package of the next round must wait for the partner's inputs."""
        return self.chooses(1 - self._role)

    def begin(self, keys: ChannelKeys, theirs: Query | None = None) -> Round | Query:
        """Our package of the next round; `theirs` brings the inputs if the partner chose them.

        Raises RoundError if its inputs have the wrong length.
        """
        number = self.number + 1
        probes = self._probe(keys, number) if self.probed else b""
        inputs, outputs = b"", b""
        if theirs is not None and len(theirs.inputs) != self.bank.round_input_bytes:
            raise RoundError("queries of another length than the active machines need")
        if self.bank.active:
            if theirs is not None:
                outputs = self.bank.evaluate(theirs.inputs)
            elif self._field is not None:
                inputs = self.bank.query(self._field, self._fill)
                outputs = self.bank.evaluate(inputs)
            else:
                outputs = self.bank.evaluate(self._random_inputs())
        self._ours = (
            Query(
                channel=self._channel, round=number, inputs=inputs, outputs=outputs, probes=probes
            )
            if self.chooses(self._role)
            else Round(channel=self._channel, round=number, outputs=outputs, probes=probes)
        )
        return self._ours

    def finish(self, theirs: Round | Query, absorb: Absorb) -> None:
        """Learn from the partner's package, and decide on the machines that were probed.

        Machines that passed go to `absorb` in ascending order and are drawn anew at once. Raises
        RoundError for a package that does not fit ours.
        """
        ours = self._ours
        if ours is None:
            raise RoundError("a package before ours")
        if len(theirs.outputs) != len(ours.outputs) or len(theirs.probes) != len(ours.probes):
            raise RoundError("a package of another length than ours")
        due, late = self._learn(theirs.outputs) if ours.outputs else ([], [])
        self._decide(ours.probes, theirs.probes, absorb)
        for machine in late:
            self._restart(machine)
        for machine in due:
            self.bank.hold(machine)
        self.probed = due
        self._extend_transcript(ours, theirs)
        self.number = ours.round
        self._ours = None
        self._statistics.rounds += 1

    @property
    def machines(self) -> list[MachineView]:
        """Every machine, its run, and its steps in it."""
        bank = self.bank
        return [
            MachineView(machine, bank.is_active(machine), bank.run(machine), bank.steps(machine))
            for machine in range(self._machines)
        ]

    def wipe(self) -> None:
        """Overwrite all weights."""
        self.bank.wipe()

    def _random_inputs(self) -> memoryview:
        counters, inputs = self._scratch.counters, self._scratch.inputs
        size = self.bank.counter_blocks(counters)
        self._expand.update_into(counters[:size], inputs)
        return inputs[:size]

    def _learn(self, outputs: bytes) -> tuple[list[int], list[int]]:
        try:
            return self.bank.learn(outputs, self._agreements, self._limit)
        except ValueError:
            raise RoundError("outputs with padding that is not zero") from None

    def _probe(self, keys: ChannelKeys, number: int) -> bytes:
        """One byte for each machine that is held."""
        bank, transcript = self.bank, self.transcript
        message = self._scratch.message[: self._message_bytes]
        weights = message[PROBE_HEADER_BYTES:]
        probes = bytearray()
        for machine in self.probed:
            probe_header(
                message,
                channel=self._channel,
                machine=machine,
                run=bank.run(machine),
                round_number=number,
                transcript=transcript,
            )
            weights[:] = bank.weights(machine)
            probes.append(keys.probe(message))
        self._scratch.wipe()
        return bytes(probes)

    def _decide(self, ours: bytes, theirs: bytes, absorb: Absorb) -> None:
        """Equal probes pass: both sides compare the same two bytes, so they never differ."""
        statistics, bank = self._statistics, self.bank
        statistics.probes += len(ours)
        for machine, our, their in zip(self.probed, ours, theirs, strict=True):
            if our == their:
                statistics.passes += 1
                statistics.steps += bank.steps(machine)
                absorb(bank.weights(machine))
                self._tries.pop(machine, None)
                bank.redraw(machine)
                continue
            statistics.failed_probes += 1
            tries = self._tries.get(machine, 0) + 1
            if tries == PROBES:
                self._restart(machine)
            else:
                self._tries[machine] = tries
                bank.release(machine)

    def _restart(self, machine: int) -> None:
        self._tries.pop(machine, None)
        self.bank.redraw(machine)
        self._statistics.restarts += 1

    def _extend_transcript(self, ours: Round | Query, theirs: Round | Query) -> None:
        first, second = (ours, theirs) if self._role == 0 else (theirs, ours)
        chosen = [each.inputs for each in (ours, theirs) if isinstance(each, Query)]
        digest = hashlib.sha256(self.transcript)
        digest.update(ours.round.to_bytes(8))
        for part in (*chosen, first.outputs, first.probes, second.outputs, second.probes):
            digest.update(len(part).to_bytes(4))
            digest.update(part)
        self.transcript = digest.digest()
