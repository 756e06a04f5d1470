"""A twistd whose nodes can be looked into: `python -m tests.inspectable`.

A hardened process shows its memory and its descriptors to nobody who may not trace processes of
others, like ordinary users, and root in most containers. For them nodes of tests leave this out.
"""

import sys
from pathlib import Path
from typing import Any, cast

from twisted.scripts.twistd import run

from dynamicrypt.demo.daemon import TWISTD
from dynamicrypt.node import hardening

# linux/capability.h
_CAP_SYS_PTRACE = 19


def may_trace() -> bool:
    """Whether this process may look into hardened ones."""
    status = Path("/proc/self/status").read_text()
    (capabilities,) = (line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(capabilities.split()[1], 16) >> _CAP_SYS_PTRACE & 1)


def allow_inspection() -> None:
    """Let the nodes of this process forbid nothing, where the tests could not look otherwise."""
    if not may_trace():
        cast("Any", hardening).forbid_dumps = lambda: None


#: What starts nodes that the tests of this process can look into.
PROGRAM = TWISTD if may_trace() else (sys.executable, "-m", "tests.inspectable")

if __name__ == "__main__":
    allow_inspection()
    sys.argv[0] = "twistd"
    run()
