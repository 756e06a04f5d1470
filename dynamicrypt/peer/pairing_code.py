"""The code of a pairing: short, made for one use, and not many of them.

Five symbols of `transcription`'s alphabet carry 25 random bits and a sixth checks the typing: a
mistyped code is found before it is sent, where it would be void. An attacker has one guess per
code and MAX_CODES codes an hour: 1 in 6.7 million for each hour in which somebody pairs all the
time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from dynamicrypt.peer import transcription
from dynamicrypt.peer.errors import MistypedError, StateFileError, TooManyCodesError
from dynamicrypt.peer.statedir import StateDirectory

#: Random bits of a code.
BITS: Final = 25
#: Codes that a node makes in PERIOD seconds, restarts of the program included.
MAX_CODES: Final = 5
PERIOD: Final = 3600
#: The file that remembers when codes were made.
FILE: Final = "pairing.json"

_SYMBOLS: Final = BITS // 5
_HALF: Final = 3


class OneTimeCode:
    """A code that becomes void when an answer to a guess was given. The repr does not show it."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.void = False

    def __repr__(self) -> str:
        return f"OneTimeCode(void={self.void})"


def new_code(bits: Callable[[int], int]) -> str:
    """A fresh code; `bits(n)` draws n random bits, as `secrets.randbits`."""
    symbols = transcription.split(bits(BITS), _SYMBOLS)
    return transcription.text([*symbols, transcription.check(symbols)])


def show_code(code: str) -> str:
    """The form in which a code is read out: `abc-def`."""
    return f"{code[:_HALF]}-{code[_HALF:]}"


def read_code(text: str) -> str:
    """The code that a person typed; raises MistypedError, which does not repeat it."""
    symbols = transcription.symbols(text)
    if len(symbols) != _SYMBOLS + 1:
        raise MistypedError(f"a code has {_SYMBOLS + 1} characters, this has {len(symbols)}")
    if transcription.check(symbols[:-1]) != symbols[-1]:
        raise MistypedError("the code is mistyped; it was not sent and is still good")
    return transcription.text(symbols)


class CodeAllowance:
    """Counts the codes that this node makes, in its state directory; `now` is the time of day."""

    def __init__(self, directory: StateDirectory, now: Callable[[], float]) -> None:
        self._directory = directory
        self._now = now

    def take(self) -> None:
        """One more code is made; raises TooManyCodesError if there were MAX_CODES in PERIOD.

        Times ahead of a clock that was set back count as now, so they are over after PERIOD.
        """
        with self._directory.lock():
            now = int(self._now())
            times = [min(time, now) for time in self._read()]
            recent = [time for time in times if now - time < PERIOD]
            full = len(recent) >= MAX_CODES
            recent = recent if full else [*recent, now]
            content = json.dumps({"version": 1, "issued": recent}).encode() + b"\n"
            self._directory.replace(FILE, content)
        if full:
            minutes = -(-(PERIOD - (now - min(recent))) // 60)
            raise TooManyCodesError(f"{MAX_CODES} codes were made; the next in {minutes} min")

    def _read(self) -> list[int]:
        try:
            document = json.loads(self._directory.read(FILE))
        except FileNotFoundError:
            return []
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict) and document.keys() == {"version", "issued"}:
            issued = document["issued"]
            if document["version"] == 1 and isinstance(issued, list) and len(issued) <= MAX_CODES:
                times = [time for time in issued if type(time) is int and time >= 0]
                if len(times) == len(issued):
                    return times
        raise StateFileError(f"{self._directory.path / FILE} is broken; it may be deleted")
