"""Fuzz a target: `python -m tests.fuzz connection -max_total_time=60 -max_len=2000`.

Needs atheris (`pip install .[fuzz]`). Options are libFuzzer's. The corpus lies in
`tests/fuzz/corpus/TARGET`; inputs that reach something new are added to it. Words that targets
have in common are in `tests/fuzz/words`.
"""

import importlib
import sys
from pathlib import Path

import atheris


def main(target: str, *options: str) -> None:
    """Run until an input breaks the target or the options say stop."""
    with atheris.instrument_imports(include=["dynamicrypt", "twisted.web"]):
        module = importlib.import_module(f"tests.fuzz.{target}")
    room = Path(__file__).parent
    corpus = room / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(module.seeds()):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    words = f"-dict={room / 'words'}"
    # To merge, libFuzzer runs this program again by its first argument.
    program = f"{sys.executable} -m tests.fuzz {target}"
    atheris.Setup([program, str(corpus), words, *options], module.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
