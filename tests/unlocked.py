"""A program without locked memory: `python -m tests.unlocked PROGRAM ARGUMENTS...`.

The limit is 0 and, for root, the capability to go beyond it is given up for good.
"""

import ctypes
import os
import resource
import sys

# linux/prctl.h, linux/capability.h
_PR_CAPBSET_DROP = 24
_CAP_IPC_LOCK = 14

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_IPC_LOCK, 0, 0, 0):
        sys.exit("the capability cannot be given up")
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - what the command line says
