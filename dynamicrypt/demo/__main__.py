"""`python -m dynamicrypt.demo`: exit status 0 if everything that is shown also happened."""

from __future__ import annotations

import sys
from subprocess import SubprocessError

from dynamicrypt.demo.application import ServiceError
from dynamicrypt.demo.built import require_core
from dynamicrypt.demo.daemon import DaemonError
from dynamicrypt.demo.screen import Ink, Screen
from dynamicrypt.demo.story import Story


def main() -> int:
    """Play the demo on the standard output."""
    require_core()
    try:
        Story(Screen()).play()
    except (DaemonError, ServiceError, OSError, SubprocessError) as problem:
        Screen(sys.stderr).line(f"dynamicrypt: error: {problem}", Ink.BAD)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
