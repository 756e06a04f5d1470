"""Installations that others can use: built by `python -m build`, under Debian's own Python."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import dynamicrypt

ROOT = Path(dynamicrypt.__file__).parents[1]
SYSTEM_PYTHON = "/usr/bin/python3"


def run(*command: str | Path, cwd: Path | None = None, seconds: float = 600) -> str:
    """What the command prints; AssertionError, with everything that it said, if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        check=False,
        timeout=seconds,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=clean_environment(),
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def clean_environment() -> dict[str, str]:
    """Ours, without what would lead an installation to the sources."""
    drop = ("PYTHON", "VIRTUAL_ENV", "DYNAMICRYPT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(drop)}


@cache
def workplace() -> Path:
    """A directory that others may enter and that ends with this run."""
    place = Path(tempfile.mkdtemp(prefix="dynamicrypt-system-"))
    atexit.register(shutil.rmtree, place)
    place.chmod(0o755)
    return place


@cache
def distributions() -> tuple[Path, Path]:
    """The sdist, and the wheel that was built from it, not from the sources."""
    copy = workplace() / "source"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "build", "dist", "*.so", "*.egg-info", "_trial*"
    )
    shutil.copytree(ROOT, copy, ignore=ignored)
    run(sys.executable, "-m", "build", "--outdir", workplace() / "dist", copy)
    (sdist,) = (workplace() / "dist").glob("*.tar.gz")
    (wheel,) = (workplace() / "dist").glob("*.whl")
    return sdist, wheel


class Environment:
    """A virtual environment of Debian's Python with DynamiCrypt in it."""

    def __init__(self, name: str, *arguments: str | Path) -> None:
        self.path = workplace() / name
        run(SYSTEM_PYTHON, "-m", "venv", self.path)
        self.run("pip", "install", "--quiet", "--disable-pip-version-check", *arguments)

    def run(self, program: str, *arguments: str | Path) -> str:
        return run(self.path / "bin" / program, *arguments, cwd=workplace())


@cache
def wheel_environment() -> Environment:
    """The wheel, installed as users would."""
    return Environment("wheel", distributions()[1])
