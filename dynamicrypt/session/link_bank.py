"""What the rounds of a channel need of a bank of machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dynamicrypt.params import ExchangeParameters

#: Fills the buffer with random bytes.
Fill = Callable[[memoryview], object]


class Bank(Protocol):
    """What a round needs of its bank; see `_core.Bank`."""

    @property
    def active(self) -> int:
        """The number of active machines."""

    @property
    def round_input_bytes(self) -> int:
        """Bytes of input of the next round."""

    def counter_blocks(self, out: bytearray | memoryview, /) -> int:
        """Write the counter blocks of the next round's inputs; how many bytes."""

    def evaluate(self, inputs: bytes | bytearray | memoryview, /) -> bytes:
        """Outputs of the next package of all active machines."""

    def learn(self, outputs: bytes, agreements: int, limit: int, /) -> tuple[list[int], list[int]]:
        """Learn; the machines to probe, and those past the limit."""

    def query(self, h: float, fill: Fill, /) -> bytes:
        """Inputs of the next round chosen from the own weights."""

    def hold(self, machine: int, /) -> None:
        """Take an active machine out of the packages."""

    def release(self, machine: int, /) -> None:
        """Take a held machine back in."""

    def redraw(self, machine: int, /) -> None:
        """New weights, next run, active."""

    def is_active(self, machine: int, /) -> bool:
        """Whether the machine takes part in packages."""

    def run(self, machine: int, /) -> int:
        """The number of the machine's run."""

    def steps(self, machine: int, /) -> int:
        """Steps of the present run."""

    def weights(self, machine: int, /) -> memoryview:
        """The canonical weights; not for keeping."""

    def rest(self) -> None:
        """Give back memory until the next package."""

    def wipe(self) -> None:
        """Overwrite all weights."""


#: Makes a freshly drawn bank.
MakeBank = Callable[[ExchangeParameters, Fill], Bank]
