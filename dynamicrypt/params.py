"""The numbers of a tree parity machine and of an exchange, and the ranges that are supported."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from dynamicrypt.errors import ParameterError

#: Hidden units. From 4 on the cost of an exchange grows exponentially in L (Ruttor 2006, 3.4).
K_RANGE: Final = range(1, 65)
#: Inputs of a hidden unit; a local field K*N*L must fit a 32-bit integer with room to spare.
N_RANGE: Final = range(1, 16385)
#: Largest weight; a weight must fit a signed byte.
L_RANGE: Final = range(1, 128)


class Rule(Enum):
    """How a hidden unit that agrees with the common output moves its weights."""

    HEBBIAN = "hebbian"
    ANTI_HEBBIAN = "anti-hebbian"
    RANDOM_WALK = "random-walk"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineParameters:
    """K hidden units of N inputs each, weights in -L..L, and the learning rule.

    Raises ParameterError for a number outside K_RANGE, N_RANGE or L_RANGE.
    """

    K: int
    N: int
    L: int
    rule: Rule

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("K", self.K, K_RANGE),
            ("N", self.N, N_RANGE),
            ("L", self.L, L_RANGE),
        ):
            if value not in allowed:
                raise ParameterError(f"{name} is {value}, not in {allowed[0]}..{allowed[-1]}")

    @property
    def weights(self) -> int:
        """The number of weights of one machine, K*N."""
        return self.K * self.N


#: Steps of a package: its outputs of one machine travel together.
PACKAGE_RANGE: Final = range(1, 65)
#: Machines whose weights make one key.
FUSION_RANGE: Final = range(1, 65)
#: Machines of a bank; numbers of machines travel in two bytes.
MACHINES_RANGE: Final = range(1, 8193)
#: Steps after which a machine that has not synchronised is drawn anew.
STEP_LIMIT_RANGE: Final = range(32, 1 << 31)
#: Agreements in a row after which a machine is probed. Too few waste probes; too many help an
#: eavesdropper, who goes on learning from the steps after synchronisation.
AGREEMENTS_RANGE: Final = range(32, 1 << 16)
#: Local field of queries in thousandths: |h| is at most L * sqrt(N).
QUERY_RANGE: Final = range(1, 1 << 24)
#: Bytes of outputs that one side sends in a round: its line stays below the limit of wire 2.
MAX_ROUND_OUTPUT: Final = 32 * 1024
#: Bytes of weights, or of inputs of a round, that one bank may need.
MAX_BANK_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeParameters:
    """The numbers on which the two sides of a channel must agree.

    `query` is None for random inputs; else inputs are queries with a local field of `query`
    thousandths (Ruttor 2006, 5.1), and `package` must be 1. `package` is B, the steps of a
    package; `fusion` is m, the machines of one key; `machines` the size of the bank; a machine
    is probed after `agreements` agreements in a row, and drawn anew if it has not synchronised
    after `step_limit` steps.

    Raises ParameterError for a number outside its range, or a bank that is too large.
    """

    machine: MachineParameters
    query: int | None = None
    package: int
    fusion: int
    machines: int
    agreements: int = 32
    step_limit: int

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("package", self.package, PACKAGE_RANGE),
            ("fusion", self.fusion, FUSION_RANGE),
            ("machines", self.machines, MACHINES_RANGE),
            ("agreements", self.agreements, AGREEMENTS_RANGE),
            ("step_limit", self.step_limit, STEP_LIMIT_RANGE),
            ("query", 1 if self.query is None else self.query, QUERY_RANGE),
        ):
            if value not in allowed:
                raise ParameterError(f"{name} is {value}, not in {allowed[0]}..{allowed[-1]}")
        if self.query is not None and self.package != 1:
            raise ParameterError("queries need packages of one step")
        if self.machines * self.package > 8 * MAX_ROUND_OUTPUT:
            raise ParameterError("machines * package is too large for one round")
        inputs = self.package_input_bytes * self.machines
        # Queries travel themselves, so a round of them obeys the limit of the line.
        if inputs > (MAX_BANK_BYTES if self.query is None else MAX_ROUND_OUTPUT):
            raise ParameterError("the inputs of one round are too large")
        if self.machine.weights * self.machines > MAX_BANK_BYTES:
            raise ParameterError("the weights of the bank are too large")

    @property
    def package_input_bytes(self) -> int:
        """Bytes of the inputs of one machine's package, padded to blocks of 16."""
        step = self.machine.K * -(-self.machine.N // 8)
        return -(-step * self.package // 16) * 16

    @property
    def inputs(self) -> str:
        """`random`, or `query:` and the thousandths of the local field."""
        return "random" if self.query is None else f"query:{self.query}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A named set of parameters.

    A new epoch begins after `epoch_seconds`, or after `epoch_keys` keys of the link, whichever is
    first. A name is for people: on the wire only the numbers count.
    """

    name: str
    exchange: ExchangeParameters
    epoch_seconds: float
    epoch_keys: int


#: The machine of the 2019 program (thesis, chapter 5).
THESIS: Final = MachineParameters(K=6, N=12, L=4, rule=Rule.HEBBIAN)

#: The profiles by name. K, N, L, rule, B, m and step limit of all but `thesis` are chosen on the
#: frontier that the lab finds (docs/profiles.md): from K = 6 on a listener learns far less than the
#: partners; a step limit that keeps one run in five to one in thirty keeps those that are hardest
#: for a single machine to follow. `thesis` has the machine of the 2019 program, and its limit.
PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile(
            name="thesis",
            exchange=ExchangeParameters(
                machine=THESIS, package=8, fusion=1, machines=2048, step_limit=18432
            ),
            epoch_seconds=60.0,
            epoch_keys=500_000,
        ),
        Profile(
            name="fast",
            exchange=ExchangeParameters(
                machine=MachineParameters(K=6, N=48, L=2, rule=Rule.RANDOM_WALK),
                package=16,
                fusion=1,
                machines=256,
                step_limit=448,
            ),
            epoch_seconds=60.0,
            epoch_keys=100_000,
        ),
        Profile(
            name="standard",
            exchange=ExchangeParameters(
                machine=MachineParameters(K=6, N=48, L=2, rule=Rule.RANDOM_WALK),
                package=32,
                fusion=1,
                machines=72,
                step_limit=576,
            ),
            epoch_seconds=60.0,
            epoch_keys=50_000,
        ),
        Profile(
            name="strong",
            exchange=ExchangeParameters(
                machine=MachineParameters(K=7, N=100, L=3, rule=Rule.RANDOM_WALK),
                package=8,
                fusion=16,
                machines=1024,
                step_limit=2048,
            ),
            epoch_seconds=60.0,
            epoch_keys=10_000,
        ),
    )
}
DEFAULT_PROFILE: Final = PROFILES["standard"]
