"""What can be read of another process's memory, and whether secrets are in it."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

#: Memory is sieved by 24 bits of a multiplicative hash of each word (Knuth, volume 3, 6.4), which
#: leaves few words to look at closely, whatever the secrets are like.
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(40)
_SIEVE = 1 << 24


def writable_memory(process: int) -> bytes:
    """All memory of a child that can be read; secret memory cannot, not even by root."""
    found = []
    maps = Path(f"/proc/{process}/maps").read_text()
    with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        for match in re.finditer(r"^(\w+)-(\w+) rw", maps, re.MULTILINE):
            begin, end = (int(part, 16) for part in match.groups())
            try:
                found.append(os.pread(memory.fileno(), end - begin, begin))
            except OSError:
                continue
    return b"".join(found)


def left_in(memory: bytes, secrets: Sequence[bytes]) -> list[int]:
    """The numbers of the secrets, of 16 bytes or more each, that lie anywhere in the memory.

    Wherever a copy begins, one of its first eight bytes begins an aligned word.
    """
    words = np.frombuffer(memory, dtype="<u8", count=len(memory) // 8)
    needles = {
        int.from_bytes(secret[shift : shift + 8], "little"): (number, shift)
        for number, secret in enumerate(secrets)
        for shift in range(8)
    }
    sieve = np.zeros(_SIEVE, dtype=bool)
    sieve[_hashes(np.fromiter(needles, dtype="<u8"))] = True
    (places,) = np.nonzero(sieve[_hashes(words)])
    left = set()
    for place in places.tolist():
        number, shift = needles.get(int(words[place]), (-1, 0))
        begin = 8 * place - shift
        if number >= 0 and memory.startswith(secrets[number], max(0, begin)):
            left.add(number)
    return sorted(left)


def _hashes(words: "np.ndarray[tuple[int], np.dtype[np.uint64]]") -> Any:
    return (words * _MULTIPLIER) >> _SHIFT


def pieces(secrets: Iterable[bytes], size: int = 32) -> list[bytes]:
    """The different pieces of this size that the secrets consist of; a rest at the end is left."""
    return sorted(
        {
            secret[at : at + size]
            for secret in secrets
            for at in range(0, len(secret) - size + 1, size)
        }
    )
