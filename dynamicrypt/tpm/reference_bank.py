"""A bank of machines in plain Python: what packages mean, for the tests to hold the core against.

Same methods, formats and errors of state as `_core.Bank`; bit packages after Kanter, Kinzel and
Kanter 2002.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dynamicrypt.params import MachineParameters
from dynamicrypt.tpm.reference import Draws, Fill, Machine, product

BLOCK = 16


def pack(bits: Iterable[bool]) -> bytes:
    """Bits as bytes, the least significant first; the last byte is padded with zeros."""
    flags = list(bits)
    return bytes(
        sum(flag << place for place, flag in enumerate(flags[i : i + 8]))
        for i in range(0, len(flags), 8)
    )


def unpack(data: bytes, count: int) -> list[int]:
    """The first `count` bits of `data` as -1 and +1."""
    return [1 if data[i // 8] >> i % 8 & 1 else -1 for i in range(count)]


@dataclass(slots=True)
class Pending:
    """One machine's part of the package that was evaluated last."""

    inputs: list[list[int]]
    representations: list[list[int]]


@dataclass(slots=True)
class Member:
    """A machine in its bank."""

    machine: Machine
    active: bool = True
    run: int = 0
    packages: int = 0
    steps: int = 0
    agreements: int = 0
    pending: Pending | None = field(default=None, repr=False)


class Bank:
    """The machines of one side of a channel, in packages of `package` steps."""

    def __init__(
        self, parameters: MachineParameters, machines: int, package: int, fill: Fill
    ) -> None:
        self.parameters = parameters
        self.package = package
        self._fill = fill
        self._members = [Member(Machine.drawn(parameters, fill)) for _ in range(machines)]
        self._evaluated: list[int] | None = None

    @property
    def _unit_bytes(self) -> int:
        return (self.parameters.N + 7) // 8

    @property
    def _machine_bytes(self) -> int:
        size = self.package * self.parameters.K * self._unit_bytes
        return (size + BLOCK - 1) // BLOCK * BLOCK

    def _active(self) -> list[int]:
        return [number for number, member in enumerate(self._members) if member.active]

    @property
    def active(self) -> int:
        """The number of active machines."""
        return len(self._active())

    @property
    def round_input_bytes(self) -> int:
        """Bytes of input that the next package of all active machines takes."""
        return self.active * self._machine_bytes

    @property
    def round_output_bytes(self) -> int:
        """Bytes of output that the next package of all active machines gives."""
        return (self.active * self.package + 7) // 8

    def counter_blocks(self) -> bytes:
        """The counter blocks of the next round's inputs."""
        blocks = bytearray()
        for number in self._active():
            member = self._members[number]
            for block in range(self._machine_bytes // BLOCK):
                blocks += number.to_bytes(2) + member.run.to_bytes(6)
                blocks += member.packages.to_bytes(4) + block.to_bytes(4)
        return bytes(blocks)

    def _steps_of(self, data: bytes) -> list[list[int]]:
        K, N, size = self.parameters.K, self.parameters.N, self._unit_bytes
        steps = []
        for start in range(0, self.package * K * size, K * size):
            units = [data[start + k * size : start + (k + 1) * size] for k in range(K)]
            steps.append([x for unit in units for x in unpack(unit, N)])
        return steps

    def evaluate(self, inputs: bytes) -> bytes:
        """Outputs of the next package of all active machines."""
        self._evaluated = self._active()
        taus: list[int] = []
        for place, number in enumerate(self._evaluated):
            member = self._members[number]
            start = place * self._machine_bytes
            steps = self._steps_of(inputs[start : start + self._machine_bytes])
            representations = [member.machine.represent(step) for step in steps]
            member.pending = Pending(steps, representations)
            member.packages += 1
            taus += [product(representation) for representation in representations]
        return pack(tau > 0 for tau in taus)

    def learn(self, outputs: bytes, agreements: int, limit: int) -> tuple[list[int], list[int]]:
        """Learn from the partner's outputs of the package that was evaluated last."""
        if self._evaluated is None:
            raise RuntimeError("no package was evaluated")
        taus = unpack(outputs, len(self._evaluated) * self.package)
        agreed, late = [], []
        for place, number in enumerate(self._evaluated):
            member = self._members[number]
            if member.pending is None:
                continue
            self._learn_package(member, taus[place * self.package : (place + 1) * self.package])
            if member.agreements >= agreements:
                agreed.append(number)
            elif member.steps >= limit:
                late.append(number)
        self._evaluated = None
        return agreed, late

    @staticmethod
    def _learn_package(member: Member, taus: Sequence[int]) -> None:
        package, member.pending = member.pending, None
        assert package is not None
        for step, representation, tau in zip(
            package.inputs, package.representations, taus, strict=True
        ):
            member.steps += 1
            if product(representation) == tau:
                member.agreements += 1
                member.machine.move(step, representation, tau)
            else:
                member.agreements = 0

    def query(self, h: float, fill: Fill) -> bytes:
        """Inputs of the next round chosen from the own weights; needs packages of one step."""
        if self.package != 1:
            raise ValueError(f"package is {self.package}: queries need packages of one step")
        draws, N = Draws(fill), self.parameters.N
        data = bytearray()
        for number in self._active():
            inputs = self._members[number].machine.query(h, draws)
            units = [pack(x > 0 for x in inputs[i : i + N]) for i in range(0, len(inputs), N)]
            data += b"".join(units).ljust(self._machine_bytes, b"\0")
        return bytes(data)

    def hold(self, machine: int) -> None:
        """Take an active machine out of the packages."""
        member = self._members[machine]
        member.active, member.pending = False, None

    def release(self, machine: int) -> None:
        """Take a held machine back in; its count of agreements starts again from 0."""
        member = self._members[machine]
        member.active, member.agreements = True, 0

    def redraw(self, machine: int) -> None:
        """New weights, next run, active, all counts 0."""
        run = self._members[machine].run + 1
        self._members[machine] = Member(Machine.drawn(self.parameters, self._fill), run=run)

    def is_active(self, machine: int) -> bool:
        """Whether the machine takes part in packages."""
        return self._members[machine].active

    def run(self, machine: int) -> int:
        """The number of the machine's draws before the present one."""
        return self._members[machine].run

    def steps(self, machine: int) -> int:
        """Steps of the present run."""
        return self._members[machine].steps

    def weights(self, machine: int) -> bytes:
        """Canonical weights."""
        return self._members[machine].machine.canonical()

    def set_weights(self, machine: int, weights: Sequence[int]) -> None:
        """Take K*N weights; the machine's part of a pending package is dropped."""
        member = self._members[machine]
        member.machine.weights, member.pending = list(weights), None
