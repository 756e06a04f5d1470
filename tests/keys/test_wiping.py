"""What is left of used keys in the memory of a process."""

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.keys import plain_envelope
from tests.process_memory import left_in, writable_memory

KEYS = 401
#: A cipher keeps copies of its sub-key on the heap and wipes them, but what a register or the
#: stack held last stays for a while: a few of hundreds, and not all, which a leak would leave.
STALE = 4


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
