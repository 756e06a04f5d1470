import subprocess
import sysconfig
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

EXT = Path(__file__).parent.parent.parent / "ext"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]


class SourceTests(SynchronousTestCase):
    def test_our_c_compiles_without_a_warning(self) -> None:
        compiler = str(sysconfig.get_config_var("CC")).split()
        sources = sorted(str(path) for path in EXT.glob("*.c"))
        self.assertGreater(len(sources), 5)
        headers = ["-isystem", sysconfig.get_path("include")]
        run = subprocess.run(
            [*compiler, "-std=c11", "-O1", *STRICT, *headers, "-fsyntax-only", *sources],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((run.returncode, run.stderr), (0, ""))
