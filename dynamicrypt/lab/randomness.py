"""Standard tests of random bits, for keys made from synchronised weights.

They find gross faults of a derivation and nothing else: a key that an attacker knows passes them
all. For the test suites of others, `dynamicrypt lab keys` writes raw bytes to be piped into ent,
rngtest or dieharder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count
from math import erfc, log2, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dynamicrypt.lab.errors import ExperimentError
from dynamicrypt.lab.exchange import Exchange
from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.weights import weights_of_group

#: Bits of a block of FIPS 140-2, and the longest run allowed is one less than this.
FIPS_BITS: Final = 20_000
FIPS_LONG_RUN: Final = 26

#: How often a tuple must come for the t-tuple estimate to look at its length.
T_TUPLE_COUNT: Final = 35

#: Pairs of one helping of keys.
HELPING: Final = 2048

#: FIPS 140-2, 4.9.1: numbers of runs of one value allowed, by length (6 stands for 6 and more).
_FIPS_RUNS: Final = (
    (2315, 2685),
    (1114, 1386),
    (527, 723),
    (240, 384),
    (103, 209),
    (103, 209),
)


#: Makes bytes of the canonical weights of a pair and L.
Form = Callable[[bytes, int], bytes]


def hashed(weights: bytes, L: int) -> bytes:
    """The SHA-256 of the weights."""
    return sha256(weights).digest()


def shifted(weights: bytes, L: int) -> bytes:
    """The weights themselves, w + L in a byte for each."""
    return bytes((weight + L) % 256 for weight in weights)


def helpings(exchange: Exchange, form: Form = hashed, *, seed: int = 0) -> Iterator[bytes]:
    """Keys without end, those of HELPING pairs at a time.

    They are for tests: a simulated pair has no secret, and its seed makes all of it again. Other
    seeds make other pairs. Raises ExperimentError if no pair of a helping synchronises.
    """
    L = exchange.machine.L
    key = Experiment(exchange=exchange, runs=HELPING, seed=seed).key
    for number in count():
        weights = weights_of_group(exchange, key, number, HELPING)
        if not len(weights):
            raise ExperimentError(f"of {HELPING} pairs none synchronised within the limit")
        yield b"".join([form(row.tobytes(), L) for row in weights])


def keys(exchange: Exchange, size: int, *, seed: int = 0) -> bytes:
    """`size` bytes of hashed keys."""
    data = bytearray()
    for helping in helpings(exchange, seed=seed):
        data += helping
        if len(data) >= size:
            break
    return bytes(data[:size])


def fips_140_2(data: bytes) -> list[str]:
    """Names of the tests of FIPS 140-2 that one block of 2500 bytes fails.

    Monobit, poker, runs and long run, as rngtest has them. ValueError for another length.
    """
    if len(data) * 8 != FIPS_BITS:
        raise ValueError(f"a block has {FIPS_BITS // 8} bytes, not {len(data)}")
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    failed = []
    if not 9725 < int(bits.sum()) < 10275:
        failed.append("monobit")
    nibbles = np.bincount(bits.reshape(-1, 4) @ np.array([8, 4, 2, 1]), minlength=16)
    if not 2.16 < 16 / 5000 * float((nibbles**2).sum()) - 5000 < 46.17:
        failed.append("poker")
    starts = np.flatnonzero(np.concatenate(([True], bits[1:] != bits[:-1])))
    lengths = np.diff(np.append(starts, FIPS_BITS))
    values = bits[starts]
    for value in (0, 1):
        counts = np.bincount(np.minimum(lengths[values == value], 6), minlength=7)[1:]
        if any(
            not low <= count <= high for count, (low, high) in zip(counts, _FIPS_RUNS, strict=True)
        ):
            failed.append("runs")
            break
    if int(lengths.max()) >= FIPS_LONG_RUN:
        failed.append("long run")
    return failed


def chi_square(data: bytes) -> tuple[float, float]:
    """Chi-square of the bytes' frequencies (255 degrees of freedom) and its probability.

    The probability is of a value as large or larger, by the approximation of Wilson and Hilferty.
    """
    counts = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
    expected = len(data) / 256
    chi = float(((counts - expected) ** 2).sum() / expected)
    spread = 2 / (9 * 255)
    return chi, 0.5 * erfc((np.cbrt(chi / 255) - (1 - spread)) / sqrt(2 * spread))


def serial_correlation(data: bytes) -> float:
    """Correlation of each byte with the next."""
    values = np.frombuffer(data, np.uint8).astype(np.float64)
    return float(np.corrcoef(values[:-1], values[1:])[0, 1])


def most_common_value(symbols: NDArray[np.int8]) -> float:
    """Min-entropy of a symbol in bits: the most common value estimate of NIST SP 800-90B, 6.3.1.

    The share of the most common value is taken at the upper end of its interval of 99 %. Raises
    ExperimentError for fewer than two symbols.
    """
    if symbols.size < 2:
        raise ExperimentError("an estimate of min-entropy needs two symbols")
    _, counts = np.unique(symbols, return_counts=True)
    share = int(counts.max()) / symbols.size
    bound = min(1.0, share + 2.576 * sqrt(share * (1 - share) / (symbols.size - 1)))
    return -log2(bound)


def t_tuple(symbols: NDArray[np.int8]) -> float:
    """Min-entropy of a symbol in bits: the t-tuple estimate of NIST SP 800-90B, 6.3.5.

    From the most common tuples of every length that still comes 35 times. Raises ExperimentError if
    no symbol does.
    """
    _, codes = np.unique(symbols, return_inverse=True)
    first = codes.astype(np.int64)
    alphabet = int(first.max()) + 1
    tuples, length, chance = first, 1, 0.0
    while True:
        _, tuples, counts = np.unique(tuples, return_inverse=True, return_counts=True)
        most = int(counts.max())
        if most < T_TUPLE_COUNT:
            break
        chance = max(chance, (most / len(tuples)) ** (1 / length))
        if len(tuples) <= T_TUPLE_COUNT:
            break
        tuples = tuples[:-1] * alphabet + first[length:]
        length += 1
    if not chance:
        raise ExperimentError(
            f"an estimate from tuples needs a symbol that comes {T_TUPLE_COUNT} times"
        )
    bound = min(1.0, chance + 2.576 * sqrt(chance * (1 - chance) / (symbols.size - 1)))
    return -log2(bound)


def markov(bits: NDArray[np.uint8]) -> float:
    """Min-entropy of a bit: the Markov estimate of NIST SP 800-90B, 6.3.3.

    From the most probable sequence of 128 bits under the observed transitions.
    """
    ones = float(bits.mean())
    after = [bits[1:][bits[:-1] == value] for value in (0, 1)]
    to_one = [float(part.mean()) if len(part) else 0.0 for part in after]

    def bits_of(p: float) -> float:
        return log2(p) if p > 0 else -1e9

    stay0, stay1 = bits_of(1 - to_one[0]), bits_of(to_one[1])
    up, down = bits_of(to_one[0]), bits_of(1 - to_one[1])
    first0, first1 = bits_of(1 - ones), bits_of(ones)
    best = max(
        first0 + 127 * stay0,
        first0 + 64 * up + 63 * down,
        first0 + up + 126 * stay1,
        first1 + down + 126 * stay0,
        first1 + 64 * down + 63 * up,
        first1 + 127 * stay1,
    )
    return min(1.0, -best / 128)
