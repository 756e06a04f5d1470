"""Fuzz a target: `python -m tests.fuzz envelope -max_total_time=60 -max_len=400`.

Needs atheris (`pip install .[fuzz]`). Options are libFuzzer's. The corpus lies in
`tests/fuzz/corpus/TARGET`; inputs that reach something new are added to it.
"""

import importlib
import sys
from pathlib import Path

import atheris


def main(target: str, *options: str) -> None:
    """Run until an input breaks the target or the options say stop."""
    with atheris.instrument_imports(include=["dynamicrypt"]):
        module = importlib.import_module(f"tests.fuzz.{target}")
    corpus = Path(__file__).parent / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(module.seeds()):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    atheris.Setup([f"fuzz {target}", str(corpus), *options], module.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
