"""What is left of used keys in the memory of a process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.keys import plain_envelope

KEYS = 401
#: A cipher keeps copies of its sub-key on the heap and wipes them, but what a register or the
#: stack held last stays for a while: a few of hundreds, and not all, which a leak would leave.
STALE = 4


def writable_memory(process: int) -> bytes:
    """Return all memory of a child that can be read; secret memory cannot, not even by root."""
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


def left_in(memory: bytes, secrets: list[bytes]) -> list[int]:
    """Return the numbers of the secrets, of 32 bytes each, that lie anywhere in the memory.

    Wherever a copy begins, one of its first eight bytes begins an aligned word.
    """
    words = np.frombuffer(memory, dtype="<u8")
    needles = {
        int.from_bytes(secret[shift : shift + 8], "little"): (number, shift)
        for number, secret in enumerate(secrets)
        for shift in range(8)
    }
    (places,) = np.nonzero(np.isin(words, np.fromiter(needles, dtype="<u8")))
    left = set()
    for place in places.tolist():
        number, shift = needles[int(words[place])]
        if memory[8 * place - shift : 8 * place - shift + 32] == secrets[number]:
            left.add(number)
    return sorted(left)


class WipingTests(SynchronousTestCase):
    def test_used_keys_and_their_sub_keys_are_gone(self) -> None:
        keys = [os.urandom(32) for _ in range(KEYS)]
        command = [sys.executable, "-m", "tests.keys.wiping_process", str(KEYS)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"".join(keys))
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b"0 0\n")
            memory = writable_memory(process.pid)
            process.stdin.close()
        self.assertEqual(process.returncode, 0)
        marker = memory.index(b"tests.keys.wiping_process")
        self.assertEqual(left_in(memory, [memory[marker - 3 : marker + 29]]), [0])
        self.assertEqual(left_in(memory, keys), [])
        for purpose in ("message", "hash", "stream"):
            subkeys = [plain_envelope.subkey(key, purpose, 1, 0) for key in keys]
            self.assertLessEqual(len(left_in(memory, subkeys)), STALE, purpose)
