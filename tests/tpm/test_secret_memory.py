import os
from pathlib import Path

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt._core import SecretMemory, strongest_protection, system_fill
from dynamicrypt.params import THESIS
from dynamicrypt.tpm.machine import new_bank, new_machine


class SecretMemoryTests(SynchronousTestCase):
    def weaken(self, name: str) -> None:
        before = strongest_protection(name)
        self.addCleanup(strongest_protection, before)

    def test_is_a_writable_buffer_of_zero_bytes(self) -> None:
        memory = SecretMemory(5)
        view = memoryview(memory)
        self.assertEqual((view.format, view.shape, view.readonly), ("B", (5,), False))
        self.assertEqual(bytes(memory), bytes(5))
        view[1:3] = b"ab"
        self.assertEqual(bytes(memory), b"\0ab\0\0")
        self.assertEqual(len(memory), 5)

    def test_slices_are_views_of_the_same_memory(self) -> None:
        memory = SecretMemory(64)
        memoryview(memory)[32:][0] = 7
        self.assertEqual(bytes(memory)[32], 7)

    def test_wipe_overwrites_every_byte(self) -> None:
        memory = SecretMemory(5000)
        memoryview(memory)[:] = b"x" * 5000
        memory.wipe()
        self.assertEqual(bytes(memory), bytes(5000))

    def test_a_view_keeps_the_memory_alive(self) -> None:
        view = memoryview(SecretMemory(3))
        view[:] = b"abc"
        self.assertEqual(bytes(view), b"abc")

    def test_names_its_protection(self) -> None:
        self.assertIn(SecretMemory(1).protection, {"secret", "locked", "plain"})

    def test_takes_no_stronger_protection_than_allowed(self) -> None:
        self.weaken("locked")
        self.assertIn(SecretMemory(1).protection, {"locked", "plain"})
        self.weaken("plain")
        self.assertEqual(SecretMemory(1).protection, "plain")

    def test_machines_live_in_such_memory(self) -> None:
        self.weaken("plain")
        for owner in (new_machine(THESIS), new_bank(THESIS, machines=1, package=1)):
            self.assertEqual(owner.protection, "plain")

    def test_tells_the_protection_allowed_before(self) -> None:
        self.weaken("plain")
        self.assertEqual(strongest_protection("locked"), "plain")

    def test_refuses_other_protections(self) -> None:
        self.assertRaises(ValueError, strongest_protection, "best")

    def test_refuses_sizes_below_one(self) -> None:
        for size in (0, -1):
            error = self.assertRaises(ValueError, SecretMemory, size)
            self.assertEqual(str(error), f"size is {size}, not positive")

    def test_says_when_there_is_no_memory(self) -> None:
        self.assertRaises(MemoryError, SecretMemory, 1 << 60)

    def test_repr_shows_nothing(self) -> None:
        memory = SecretMemory(16)
        memoryview(memory)[:] = b"a very secret key"[:16]
        self.assertNotIn("secret key", repr(memory))

    def test_is_left_out_of_core_dumps(self) -> None:
        for name in ("secret", "locked", "plain"):
            self.weaken(name)
            memory = SecretMemory(4096)
            self.assertIn("dd", vm_flags(memory), name)

    def test_is_not_inherited_by_forks(self) -> None:
        for name in ("secret", "locked", "plain"):
            self.weaken(name)
            self.assertIn("dc", vm_flags(SecretMemory(4096)), name)

    def test_a_fork_leaves_the_memory_of_its_parent_alone(self) -> None:
        memory = SecretMemory(16)
        memoryview(memory)[:] = b"0123456789abcdef"
        child = os.fork()
        if child == 0:
            del memory
            os._exit(0)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertEqual(bytes(memory), b"0123456789abcdef")


def vm_flags(memory: SecretMemory) -> list[str]:
    """What the kernel says of the mapping; the address is found by a search for its start."""
    wanted = address(memory)
    lines = Path("/proc/self/smaps").read_text().splitlines()
    inside = False
    for line in lines:
        head = line.split()[0]
        if "-" in head and not head.endswith(":"):
            start, end = (int(part, 16) for part in head.split("-"))
            inside = start <= wanted < end
        elif inside and head == "VmFlags:":
            return line.split()[1:]
    raise AssertionError("no such mapping")


def address(memory: SecretMemory) -> int:
    return int(np.frombuffer(memoryview(memory), dtype=np.uint8).ctypes.data)


class SystemFillTests(SynchronousTestCase):
    def test_fills_the_whole_buffer(self) -> None:
        buffer = bytearray(100_000)
        system_fill(buffer)
        self.assertEqual(len(set(buffer)), 256)
        self.assertNotEqual(buffer[-8:], bytes(8))

    def test_fills_locked_memory(self) -> None:
        memory = SecretMemory(64)
        system_fill(memory)
        self.assertNotEqual(bytes(memory), bytes(64))

    def test_leaves_an_empty_buffer_alone(self) -> None:
        system_fill(bytearray())

    def test_refuses_what_cannot_be_written(self) -> None:
        self.assertRaises((BufferError, ValueError, TypeError), system_fill, b"constant")
