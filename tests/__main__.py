"""Run every test under trial and check that every test ran.

Trial exits 0 for a file whose tests did not run, so the number that it reports is held against
the number that its loader finds. The last line is `N passed, N failed`.
"""

import re
import subprocess
import sys

from twisted.trial.runner import TestLoader

import tests

SUMMARY = re.compile(r"^(?:PASSED|FAILED) ?(?:\((?P<counts>.*)\))?$", re.MULTILINE)


def main(jobs: str = "2", *names: str) -> int:
    """Run the suite, or the modules of these names, in `jobs` processes; returns the status."""
    loader = TestLoader()
    suite = loader.loadByNames(list(names)) if names else loader.loadPackage(tests, recurse=True)
    expected = suite.countTestCases()
    trial = [sys.executable, "-m", "twisted.trial", f"-j{jobs}", "--reporter=text"]
    trial += names or ("tests",)
    run = subprocess.run(trial, stdout=subprocess.PIPE, text=True, check=False)
    print(run.stdout, end="")
    found = SUMMARY.findall(run.stdout)
    pairs = (pair.split("=") for pair in (found[-1] if found else "").split(", ") if pair)
    counts = {name: int(number) for name, number in pairs}
    passed = counts.pop("successes", 0)
    print(f"{passed} passed, {expected - passed} failed")
    if counts:
        print(f"not passed: {counts}")
    if passed != expected:
        print(f"{expected} tests were found, {passed} passed")
    return 0 if run.returncode == 0 and passed == expected > 0 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
