"""What the process does about its own memory, and what it says."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dynamicrypt.node import hardening
from dynamicrypt.node.hardening import PERIOD, MemoryWatch
from dynamicrypt.params import PROFILES

#: Makes objects, notes where their content lies, frees them, and looks there again.
WIPED = """
import ctypes, sys
from dynamicrypt.node.hardening import harden

seen = ctypes.create_string_buffer(8192)

def look(make, content):
    made = make()
    at, size = content(made)
    ctypes.memmove(seen, at, size)
    assert all(seen.raw[:size:4]), "nothing was there"
    del made
    ctypes.memmove(seen, at, size)
    assert set(seen.raw[:size]) <= {0x00, 0xFF}, "it is still there"

def bytes_at(made):
    return id(made) + bytes.__basicsize__ - 1, len(made)

def text_at(made):
    width = 1 + (ord(max(made)) > 0xFF) + 2 * (ord(max(made)) > 0xFFFF)
    size = len(made) * width
    return id(made) + sys.getsizeof(made) - size - width, size

harden()
harden()
for length in (100, 400, 2000):
    look(lambda: b"s" * length, bytes_at)
    for letter in ("s", "\\u2713", "\\U0001f512"):
        look(lambda: letter * length, text_at)
class Text(str):
    pass
class Data(bytes):
    pass
for kind, source in ((Text, "s" * 40), (Text, "\\u2713" * 40), (Data, b"s" * 40)):
    kept = [kind(source) for _ in range(100)]
    assert all(each == source for each in kept)
    del kept
print("wiped")
"""

#: Frees memory of a C library, and lets it move memory, and looks there; the library keeps its own
#: notes at the beginning of a free block.
FILLED = """
import ctypes
from dynamicrypt.node.hardening import harden
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.realloc.restype = ctypes.c_void_p
libc.free.argtypes, libc.realloc.argtypes = [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_size_t]
seen = ctypes.create_string_buffer(8192)
harden()
for size in (2000, 8000, 60_000):
    for leave in (libc.free, lambda at: libc.realloc(at, 1 << 25)):
        at = libc.malloc(size)
        ctypes.memset(at, 0x73, size)
        assert leave(at) != at, "it grew where it was"
        ctypes.memmove(seen, at, 2000)
        assert b"s" * 16 not in seen.raw, (size, "it is still there")
print("filled")
"""

#: Hardens itself, in a child too, and says how it stands; then aborts, once for each argument.
UNDUMPED = """
import ctypes, os, resource, sys
from dynamicrypt.node.hardening import harden
harden()
child = os.fork()
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
assert (dumpable, resource.getrlimit(resource.RLIMIT_CORE)) == (0, (0, 0))
if child:
    os.abort()
"""


class ProcessTests(SynchronousTestCase):
    def run_child(self, program: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", program],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
            cwd=self.workplace(),
        )

    def workplace(self) -> Path:
        place = Path(self.mktemp())
        place.mkdir(parents=True, exist_ok=True)
        self.place = place
        return place

    def test_bytes_and_text_are_overwritten_when_they_are_freed(self) -> None:
        done = self.run_child(WIPED)
        self.assertEqual((done.stdout, done.stderr), ("wiped\n", ""))

    def test_memory_that_libraries_free_is_filled(self) -> None:
        done = self.run_child(FILLED)
        self.assertEqual((done.stdout, done.stderr), ("filled\n", ""))

    def test_no_core_is_dumped_nor_by_children(self) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        before = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CORE, before)
        done = self.run_child(UNDUMPED)
        self.assertEqual((done.returncode, done.stderr), (-signal.SIGABRT, ""))
        self.assertEqual(list(self.place.iterdir()), [])


class MemoryWatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.forbidden = 0
        self.weakest = "secret"
        self.clock = Clock()
        self.patch(hardening, "forbid_dumps", self.forbid)
        self.watch = MemoryWatch(self.clock, PROFILES["fast"], lambda: self.weakest)

    def forbid(self) -> None:
        self.forbidden += 1

    def start(self) -> list[str]:
        with capturedLogs() as events:
            self.watch.startService()
        return [event["log_format"] for event in events]

    def warnings(self, periods: int) -> list[str]:
        with capturedLogs() as events:
            self.clock.pump([PERIOD] * periods)
        return [event["log_level"].name for event in events]

    def test_says_how_secrets_are_protected(self) -> None:
        with capturedLogs() as events:
            self.watch.startService()
        (event,) = events
        self.assertIn(event["protection"], ("secret", "locked", "plain"))
        self.assertIn("not in ", event["meaning"])

    def test_forbids_dumps_again_because_the_user_may_have_changed(self) -> None:
        self.start()
        self.assertEqual(self.forbidden, 1)

    def test_warns_once_when_memory_is_not_locked(self) -> None:
        self.start()
        self.assertEqual(self.warnings(3), [])
        self.weakest = "locked"
        self.assertEqual(self.warnings(3), [])
        self.weakest = "plain"
        self.assertEqual(self.warnings(5), ["warn"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_warns_at_once_when_the_first_memory_is_not_locked(self) -> None:
        self.weakest = "plain"
        self.assertEqual(len(self.start()), 2)
        self.assertEqual(self.warnings(2), [])

    def test_looks_no_more_when_it_is_stopped(self) -> None:
        self.start()
        self.watch.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.watch.startService()
        self.watch.stopService()

    def test_a_limit_is_told_in_kilobytes(self) -> None:
        self.patch(resource, "getrlimit", lambda _: (8 * 2**20, resource.RLIM_INFINITY))
        self.assertEqual(hardening._limit(), "8192kB")
        self.patch(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
        self.assertEqual(hardening._limit(), "none")
