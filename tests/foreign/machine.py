"""A tree parity machine with 6 x 12 inputs and weights in -4..4, in plain Python."""

import secrets
from collections.abc import Sequence
from hashlib import sha256
from operator import mul
from typing import Protocol

UNITS = 6
INPUTS = 12
BOUND = 4
SIZE = UNITS * INPUTS
#: K*N*L^4, after which the program gives up and starts over.
MAXIMUM_ITERATIONS = SIZE * BOUND**4

SALT_BYTES = bytes(set(range(256)) - set(b"\t\n"))
SALT_LENGTH = 50


class Source(Protocol):
    """Where weights, input vectors and salts come from."""

    def weights(self) -> list[int]: ...

    def vector(self) -> list[int]: ...

    def salt(self) -> bytes: ...


class SystemSource:
    """Everything from the operating system."""

    def weights(self) -> list[int]:
        return [secrets.randbelow(2 * BOUND + 1) - BOUND for _ in range(SIZE)]

    def vector(self) -> list[int]:
        bits = secrets.randbits(SIZE)
        return [1 if bits >> place & 1 else -1 for place in range(SIZE)]

    def salt(self) -> bytes:
        return bytes(secrets.choice(SALT_BYTES) for _ in range(SALT_LENGTH))


class Machine:
    """Weights row by row, w[k * 12 + j]."""

    def __init__(self, weights: Sequence[int]) -> None:
        self.weights = list(weights)

    def signs(self, vector: Sequence[int]) -> list[int]:
        """The output of each hidden unit; zero counts as minus one."""
        return [
            1
            if sum(map(mul, self.weights[start : start + INPUTS], vector[start : start + INPUTS]))
            > 0
            else -1
            for start in range(0, SIZE, INPUTS)
        ]

    def output(self, vector: Sequence[int]) -> int:
        return -1 if self.signs(vector).count(-1) % 2 else 1

    def update(self, vector: Sequence[int]) -> None:
        """The Hebbian rule for a common output: units that agree with it move towards x*tau."""
        signs = self.signs(vector)
        output = -1 if signs.count(-1) % 2 else 1
        for unit, sign in enumerate(signs):
            if sign == output:
                for place in range(unit * INPUTS, (unit + 1) * INPUTS):
                    moved = self.weights[place] + vector[place] * output
                    self.weights[place] = max(-BOUND, min(BOUND, moved))

    def key(self) -> str:
        """The weights shifted to 0..8, a digit each."""
        return "".join(str(weight + BOUND) for weight in self.weights)

    def check(self, salt: bytes) -> str:
        """The hash that both sides compare: salt and key zipped, one of them backwards."""
        ours = sha256(self.key().encode()).hexdigest().upper()
        theirs = sha256(salt).hexdigest().upper()
        zipped = "".join(a + b for a, b in zip(ours, reversed(theirs), strict=True))
        return sha256(zipped.encode()).hexdigest().upper()


def vector_text(vector: Sequence[int]) -> bytes:
    return "".join(map(str, vector)).encode()


def read_vector(text: bytes) -> list[int]:
    """A minus sign stands for -1 and swallows the next character; anything else is +1."""
    vector: list[int] = []
    place = 0
    while place < len(text) and len(vector) < SIZE:
        negative = text[place : place + 1] == b"-"
        vector.append(-1 if negative else 1)
        place += 2 if negative else 1
    return vector
