"""The tree parity machine in plain Python: the definition that the compiled core is held against.

Written to be read, not to be fast. Definitions: Ruttor 2006 (arXiv:0711.2411), sections 2.1, 5.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor, isfinite, sqrt

from dynamicrypt.params import MachineParameters, Rule

#: Fills the whole buffer with random bytes.
Fill = Callable[[memoryview], object]


def sign(number: int) -> int:
    """The sign of a local field; sgn(0) = -1 on both sides, or they would drift apart."""
    return 1 if number > 0 else -1


class Draws:
    """Random numbers from `fill`; the order in which bytes are used is part of the definition."""

    def __init__(self, fill: Fill) -> None:
        self._fill = fill

    def byte(self) -> int:
        """The next byte."""
        buffer = bytearray(1)
        self._fill(memoryview(buffer))
        return buffer[0]

    def weight(self, L: int) -> int:
        """A uniform weight of -L..L: bytes that would favour small residues are rejected."""
        values = 2 * L + 1
        accepted = 256 // values * values
        while (byte := self.byte()) >= accepted:
            pass
        return byte % values - L

    def below(self, bound: int) -> int:
        """A number of 0..bound-1 from four bytes, the least significant first.

        Its bias of at most bound/2**32 is of no weight where the result is public anyway.
        """
        word = sum(self.byte() << 8 * place for place in range(4))
        return word * bound >> 32


class Machine:
    """One machine of K units with N inputs each. Weights and inputs are row-major, K*N long."""

    def __init__(self, parameters: MachineParameters, weights: Sequence[int]) -> None:
        self.parameters = parameters
        self.weights = list(weights)

    @classmethod
    def drawn(cls, parameters: MachineParameters, fill: Fill) -> Machine:
        """A machine with uniform, independent weights."""
        draws = Draws(fill)
        return cls(parameters, [draws.weight(parameters.L) for _ in range(parameters.weights)])

    def fields(self, inputs: Sequence[int]) -> list[int]:
        """Local field of each unit without the factor 1/sqrt(N), which changes no sign."""
        N = self.parameters.N
        products = [w * x for w, x in zip(self.weights, inputs, strict=True)]
        return [sum(products[unit * N : (unit + 1) * N]) for unit in range(self.parameters.K)]

    def represent(self, inputs: Sequence[int]) -> list[int]:
        """The internal representation: the output sigma of each unit."""
        return [sign(field) for field in self.fields(inputs)]

    def evaluate(self, inputs: Sequence[int]) -> int:
        """tau, -1 or +1: the product of the internal representation."""
        return product(self.represent(inputs))

    def learn(self, inputs: Sequence[int], output: int) -> None:
        """Apply the rule for an input on which both sides gave `output`."""
        self.move(inputs, self.represent(inputs), output)

    def move(self, inputs: Sequence[int], representation: Sequence[int], output: int) -> None:
        """Move the units whose sigma, as given, equals `output`; in packages it may be older."""
        L, N = self.parameters.L, self.parameters.N
        factor = {Rule.HEBBIAN: output, Rule.ANTI_HEBBIAN: -output, Rule.RANDOM_WALK: 1}
        step = factor[self.parameters.rule]
        for unit, sigma in enumerate(representation):
            if sigma == output:
                for i in range(unit * N, (unit + 1) * N):
                    self.weights[i] = max(-L, min(L, self.weights[i] + step * inputs[i]))

    def canonical(self) -> bytes:
        """The weights as K*N signed bytes, row-major."""
        return bytes(weight % 256 for weight in self.weights)

    def query(self, h: float, draws: Draws) -> list[int]:
        """Inputs under which each unit's local field (with 1/sqrt(N)) is about `h` or -`h`.

        Raises ValueError unless `h` is positive and finite.
        """
        if not (h > 0 and isfinite(h)):
            raise ValueError(f"h is {h}, not positive and finite")
        N = self.parameters.N
        inputs: list[int] = []
        for start in range(0, self.parameters.weights, N):
            inputs += query_unit(self.weights[start : start + N], self.parameters.L, h, draws)
        return inputs


def product(representation: Sequence[int]) -> int:
    """Output tau of an internal representation."""
    return -1 if sum(sigma < 0 for sigma in representation) % 2 else 1


def query_unit(weights: Sequence[int], L: int, h: float, draws: Draws) -> list[int]:
    """Inputs of one unit chosen from its weights (Ruttor 2006, 5.1).

    Draws in this order: the sign of the field, for each size L..1 of a weight which way to round,
    then one for each input.
    """
    N = len(weights)
    sizes = [sum(abs(weight) == size for weight in weights) for size in range(L + 1)]
    rest = (1 if draws.below(2) else -1) * h * sqrt(N)
    aligned = [0] * (L + 1)
    for size in range(L, 0, -1):
        share = rest / (2 * size)
        if draws.below(2):
            number = floor((sizes[size] + 1) / 2 + share)
        else:
            number = ceil((sizes[size] - 1) / 2 + share)
        aligned[size] = max(0, min(sizes[size], number))
        rest -= size * (2 * aligned[size] - sizes[size])
    # Each size in one pass: an input is aligned with chance (aligned left) / (inputs left).
    inputs = []
    for weight in weights:
        size = abs(weight)
        if size == 0:
            inputs.append(1 if draws.below(2) else -1)
            continue
        chosen = draws.below(sizes[size]) < aligned[size]
        sizes[size] -= 1
        aligned[size] -= chosen
        inputs.append(sign(weight) if chosen else -sign(weight))
    return inputs
