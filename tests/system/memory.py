"""Core dumps of running nodes, as root makes them with a debugger, searched as their memory is."""

import subprocess
from struct import unpack_from

from tests.endtoend import test_memory
from tests.endtoend.watched import Watched

#: Type of a program header of memory contents (elf(5)).
PT_LOAD = 1


def contents(core: bytes) -> bytes:
    """The memory in a core file of 64 bits, each segment from its beginning."""
    (table,) = unpack_from("<Q", core, 32)
    size, count = unpack_from("<HH", core, 54)
    found = []
    for at in range(table, table + size * count, size):
        kind, _, begin, _, _, length = unpack_from("<IIQQQQ", core, at)
        if kind == PT_LOAD:
            found.append(core[begin : begin + length])
    return b"".join(found)


class CoreDumpTests(test_memory.MemoryTests):
    def memory(self, node: Watched) -> bytes:
        file = node.state / "core"
        dump = ("-ex", f"generate-core-file {file}", "-ex", "detach")
        command = ("gdb", "--batch", "--nx", "-p", str(node.pid), *dump)
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        core = file.read_bytes()
        file.unlink()
        return contents(core)
