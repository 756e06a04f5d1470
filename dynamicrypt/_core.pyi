"""The compiled core: machines, banks of machines and locked memory, in C under Cython."""

from collections.abc import Callable, Sequence
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

#: Fills the whole buffer with random bytes; draws of weights take their randomness from it.
Fill = Callable[[memoryview], object]

HEBBIAN: Final[int]
ANTI_HEBBIAN: Final[int]
RANDOM_WALK: Final[int]

@final
class SecretMemory:
    """Bytes outside the reach of dumps and swap: memfd_secret, else mlock; wiped when freed.

    Supports the buffer protocol (writable, one dimension, unsigned bytes). `protection` is
    "secret" (memfd_secret), "locked" (mlock) or "plain" (neither was allowed). A forked child does
    not have the mapping: it must not touch the object. Raises ValueError for a size below 1.
    """

    def __init__(self, size: int) -> None: ...
    @property
    def protection(self) -> str: ...
    def wipe(self) -> None: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

def strongest_protection(name: str, /) -> str:
    """Set the strongest protection that new memory asks for; returns the one before.

    For tests, and for systems where memfd_secret is granted but not wanted. Raises ValueError for
    a name that is not "secret", "locked" or "plain".
    """

def weakest_protection() -> str:
    """The weakest protection that any memory of this process got so far; "secret" before any."""

def forbid_dumps() -> None:
    """Leave no core dump of this process, and let nobody but root read its memory.

    Goes over to forked children, but not over a change of the user: call it again after one.
    Raises OSError.
    """

def wipe_freed() -> None:
    """Overwrite every bytes and every str object when it is freed, from now on.

    With glibc blocks of any library above about 1 kB, too, and what a resize leaves behind
    (M_PERTURB of mallopt(3)). For a whole process, at its start; what was freed before stays.
    Smaller blocks of libraries, and text of subclasses, are not reached.
    """

def system_fill(buffer: bytearray | memoryview | SecretMemory, /) -> None:
    """Fill the buffer with random bytes of the operating system (getrandom), without a copy."""

@final
class Machine:
    """One tree parity machine; its weights never leave C memory but by the methods below.

    Inputs are K*N bytes, row-major, each 0x01 (+1) or 0xff (-1). Raises ValueError that names the
    argument for a wrong shape or range. `rule` is one of the constants above.
    """

    def __init__(self, k: int, n: int, l: int, rule: int, fill: Fill) -> None: ...
    @property
    def protection(self) -> str:
        """How the weights are protected, as in SecretMemory."""
    def evaluate(self, inputs: bytes, /) -> int:
        """Output, -1 or +1, for the inputs; changes nothing."""
    def learn(self, inputs: bytes, output: int, /) -> None:
        """Apply the rule for an input on which both sides gave `output`.

        Local fields are taken from the weights as they are now; the units with sigma = output move.
        """
    def set_weights(self, weights: bytes, /) -> None:
        """Take K*N signed bytes, row-major."""
    def weights(self) -> bytes:
        """Canonical bytes of the weights: K*N signed bytes, row-major."""
    def key_string(self) -> bytes:
        """Digits of w+L, one character each; only for L <= 4 (thesis, chapter 5)."""
    def redraw(self) -> None:
        """Draw new weights, uniform and independent, by rejection from `fill`."""
    def wipe(self) -> None:
        """Overwrite the weights with zeros; the machine is unusable until set_weights or redraw."""

@final
class Bank:
    """The machines of one side of a channel, in packages of B = `package` steps.

    `machines` is 1 to 65 536, `package` 1 to 1024. A machine is *active* (takes part in packages)
    or *held*. Machines are numbered from 0; runs count the draws of a machine from 0; packages
    count from 0 in each run, as they are evaluated. Packages cover the active machines in
    ascending order.

    Inputs of one step: K units of ceil(N/8) bytes each, bit j of a unit in byte j//8 at bit j%8,
    1 for +1, 0 for -1, padding ignored. The inputs of a package are its B steps one after the
    other, padded to whole 16-byte blocks; those of a round are those of all active machines.

    Outputs of a round: bit a*B + b is step b of the a-th active machine, in byte i//8 at bit i%8,
    1 for tau = +1; padded with zero bits to whole bytes.

    Runs on the best instruction set of the processor, or on the one that the environment variable
    DYNAMICRYPT_CORE names when the bank is made. Raises ValueError that names the argument for a
    wrong shape or range; RuntimeError after `wipe`, and while another call is inside: in another
    thread, or in the caller of `fill`.
    """

    def __init__(
        self, k: int, n: int, l: int, rule: int, machines: int, package: int, fill: Fill
    ) -> None: ...
    @property
    def instruction_set(self) -> str:
        """The instruction set that this bank runs on, one of `instruction_sets()`."""
    @property
    def protection(self) -> str:
        """How weights and internal representations are protected, as in SecretMemory."""
    @property
    def package(self) -> int:
        """The steps of a package."""
    @property
    def active(self) -> int:
        """The number of active machines."""
    @property
    def round_input_bytes(self) -> int:
        """Bytes of input that the next package of all active machines takes."""
    @property
    def round_output_bytes(self) -> int:
        """Bytes of output that the next package of all active machines gives."""
    def counter_blocks(self, out: bytearray | memoryview, /) -> int:
        """Write the 16-byte counter blocks of the next round's inputs; returns bytes written.

        Block: machine (2 bytes) | run (6) | package in the run (4) | block in the package (4), all
        big-endian. Encrypted one by one with AES (ECB) they are the inputs of the round.
        """
    def evaluate(self, inputs: bytes | bytearray | memoryview, /) -> bytes:
        """Outputs of the next package of all active machines, from the weights as they are now.

        Inputs, outputs and internal representations are kept for `learn`. A package that is still
        pending is dropped: nothing is learned from it.
        """
    def learn(self, outputs: bytes, agreements: int, limit: int, /) -> tuple[list[int], list[int]]:
        """Learn from the partner's outputs of the package that was evaluated last.

        The agreeing steps are applied in order with the stored internal representations. Returns
        the machines whose last `agreements` steps or more all agreed (counted since the last
        disagreement, draw or release), and those not among them that did `limit` steps or more
        in this run. A machine that was held, redrawn or given weights since then takes no part.
        Raises ValueError if outputs has the wrong length or non-zero padding; RuntimeError without
        a pending evaluate.
        """
    def query(self, h: float, fill: Fill, /) -> bytes:
        """Inputs of the next round, chosen from the own weights so that |h_i| is about `h`.

        Ruttor 2006, 5.1; needs package = 1. The choices that `fill` makes can be inferred from
        what is sent: never the source of the weights, unless it is the operating system's.
        """
    def hold(self, machine: int, /) -> None:
        """Take an active machine out of the packages; ValueError if it is held already."""
    def release(self, machine: int, /) -> None:
        """Take a held machine back in; its count of agreements starts again from 0.

        Raises ValueError if it is active.
        """
    def redraw(self, machine: int, /) -> None:
        """New weights, next run, active, all counts 0.

        What `fill` raises passes through and leaves the machine held, without usable weights.
        """
    def is_active(self, machine: int, /) -> bool: ...
    def run(self, machine: int, /) -> int: ...
    def steps(self, machine: int, /) -> int:
        """Steps of the present run that were learned from, agreeing or not."""
    def weights(self, machine: int, /) -> memoryview:
        """Read-only view of the canonical weights (K*N bytes, signed, row-major) in locked memory.

        All machines share it: it shows the one that was asked for last, and zeros after `redraw`
        and `wipe`. Use it at once, do not keep it.
        """
    def set_weights(self, machine: int, weights: bytes, /) -> None:
        """Take K*N signed bytes; for tests and vectors."""
    def rest(self) -> None:
        """Give back the memory of the inputs, most of what a bank takes, until `evaluate`.

        A package that is pending is dropped.
        """
    def wipe(self) -> None:
        """Overwrite all weights; the bank is unusable afterwards."""

def instruction_sets() -> Sequence[str]:
    """The instruction sets this processor offers to the core, best first; the last is "plain"."""

def lane_instruction_sets() -> tuple[str, ...]:
    """The instruction sets that the simulation can use here, best first; the last is "plain"."""

@final
class Lockstep:
    """A group of 512 independent pairs in lockstep, one to a lane, with attackers of their own.

    `rule` is one of the constants above, `field` the queries' H*sqrt(N) or 0, `key` and `number`
    fix all random numbers. `attackers` machines listen to each pair; with `geometric` they correct
    the unit of smallest |h|, the first of equals. Raises ValueError that names the argument for a
    number out of range. One object is for one thread at a time; the GIL is released.
    """

    def __init__(
        self,
        k: int,
        n: int,
        l: int,
        rule: int,
        key: int,
        number: int,
        *,
        instruction_set: str,
        attackers: int = 0,
        geometric: bool = False,
        secret_inputs: bool = False,
        package: int = 1,
        field: float = 0.0,
        delay: int = 0,
        limit: int = ...,
    ) -> None: ...
    def run(
        self,
        steps: NDArray[np.int64],
        matched: NDArray[np.int32] | None = None,
        weights: NDArray[np.int8] | None = None,
    ) -> None:
        """Run as many pairs as `steps` is long to their end; once, on a new object.

        `steps` to full synchronisation, -1 where the limit came first. `matched` [runs, attackers]:
        weights equal to A's `delay` steps later; `weights` [runs, k*n]: A's weights then.
        """
    def fill(self) -> None:
        """Put a fresh pair into every lane, to look at it step by step."""
    def advance(self) -> None:
        """Learn from the package before, make the next inputs and evaluate them."""
    def weights(self, machine: int, lane: int) -> bytes:
        """Weights before the present package of A (0), B (1) or an attacker (2...)."""
    def inputs(self, step: int, attacker: bool, lane: int) -> bytes:
        """Inputs of a step of the present package, signed bytes; the attackers' if secret."""

@final
class Crowd:
    """Pairs that each have a crowd of attackers, all of them in the lanes.

    `strategy` is "geometric", "majority" (k up to 12) or "genetic" (k up to 7). Otherwise as
    Lockstep.
    """

    def __init__(
        self,
        k: int,
        n: int,
        l: int,
        rule: int,
        key: int,
        number: int,
        *,
        instruction_set: str,
        strategy: str,
        attackers: int,
        secret_inputs: bool = False,
        package: int = 1,
        field: float = 0.0,
        delay: int = 0,
        limit: int = ...,
    ) -> None: ...
    @property
    def pairs(self) -> int:
        """How many pairs run side by side."""
    def run(
        self, steps: NDArray[np.int64], matched: NDArray[np.int32], work: NDArray[np.int64]
    ) -> None:
        """Run as many pairs as the arrays are long to their end; once, on a new object.

        `matched` is of the best attacker, `work` the sum over the steps of the machines at work.
        """
    def fill(self) -> None:
        """Start a fresh pair and fresh attackers everywhere, to look at them step by step."""
    def advance(self) -> None:
        """Learn from the package before, make the next inputs and evaluate them."""
    def size(self, pair: int) -> int:
        """Attackers at work on a pair."""
    def weights(self, pair: int, machine: int) -> bytes:
        """Weights before the present package of A (0), B (1) or an attacker at work (2...)."""
    def inputs(self, pair: int, step: int, attacker: bool) -> bytes:
        """Inputs of a step of the present package, signed bytes; the attackers' if secret."""

def scalar_runs(
    k: int,
    n: int,
    l: int,
    rule: int,
    key: int,
    steps: NDArray[np.int64],
    *,
    attackers: int = 0,
    limit: int = ...,
) -> None:
    """Run pairs with geometric attackers one by one, a byte to a weight: the yardstick."""

def probabilistic_runs(
    k: int,
    n: int,
    l: int,
    rule: int,
    key: int,
    number: int,
    steps: NDArray[np.int64],
    matched: NDArray[np.int32],
    *,
    package: int = 1,
    field: float = 0.0,
    delay: int = 0,
    limit: int = ...,
) -> None:
    """Run pairs one by one under the probabilistic attack; `package` up to 64."""

def probabilistic_beliefs(
    k: int,
    n: int,
    l: int,
    rule: int,
    inputs: NDArray[np.int8],
    a: NDArray[np.int8],
    b: NDArray[np.int8],
    chance: NDArray[np.float64],
    *,
    package: int = 1,
) -> None:
    """Write the chance of every value -l..l of every weight of A, [k*n, 2l+1], to `chance`.

    `inputs` [steps, k*n] and both outputs [steps] are -1 and +1.
    """

def particle_runs(
    k: int,
    n: int,
    l: int,
    rule: int,
    key: int,
    number: int,
    steps: NDArray[np.int64],
    matched: NDArray[np.int32],
    work: NDArray[np.int64],
    followed: NDArray[np.int64],
    *,
    attackers: int,
    fewest: int,
    share: float,
    flip: float,
    doubt: float,
    sharpness: float,
    recent: int,
    before: int,
    package: int = 1,
    delay: int = 0,
    limit: int = ...,
) -> None:
    """Run pairs and attack their records with particles; `package` up to 64.

    `work` is in steps of machines, `followed` in steps of learning in which distributions moved.
    """

def particle_drift(
    k: int,
    n: int,
    l: int,
    rule: int,
    inputs: NDArray[np.int8],
    a: NDArray[np.int8],
    b: NDArray[np.int8],
    chance: NDArray[np.float32],
    *,
    package: int = 1,
) -> None:
    """Write the chance of every value -l..l of every weight, [2l+1, k*n], to `chance`.

    `inputs` [steps, k*n] and both outputs [steps] are -1 and +1, in whole packages.
    """

def particle_listen(
    k: int,
    n: int,
    l: int,
    rule: int,
    key: int,
    inputs: NDArray[np.int8],
    a: NDArray[np.int8],
    b: NDArray[np.int8],
    weights: NDArray[np.int8],
    *,
    fewest: int,
    share: float,
    flip: float,
    doubt: float,
    package: int = 1,
) -> int:
    """Machines of these weights [machines, k*n] listen and are selected; returns how many are left.

    They come first in `weights`.
    """

def glibc_numbers(seed: int, start: int, count: int) -> list[int]:
    """`count` numbers of glibc's rand() after srand(seed), from number `start` on."""

def glibc_search(first: int, seeds: int, start: int, odd: bytes) -> list[int]:
    """Seeds of first..first+seeds-1 whose numbers from `start` on are odd where `odd` has 1.

    Raises ValueError for fewer than 16 bytes, or seeds beyond 2**32.
    """
