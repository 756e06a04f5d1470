"""Keeps what an experiment has found so far, so that little is lost whatever ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dynamicrypt.lab.experiment import Experiment
from dynamicrypt.lab.outcome import Outcome
from dynamicrypt.lab.record import check_writable, load, save

#: Seconds of work that a power cut may cost; and how many times longer than a save work lasts.
PAUSE: Final = 60.0
WORK_TO_SAVING: Final = 20


class Keeper:
    """Saves groups of an experiment to a file now and then, and at the end of its block.

    It begins with the groups that the file has. Raises RecordError for a file that holds something
    else, OSError where none can be made.
    """

    def __init__(
        self, path: Path, experiment: Experiment, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._experiment, self._clock = path, experiment, clock
        self.groups: dict[int, Outcome] = load(path, experiment)
        check_writable(path.parent)
        self._unsaved = False
        self._due = clock() + PAUSE

    @property
    def runs(self) -> int:
        """The runs of the groups that it has."""
        return sum(outcome.runs for outcome in self.groups.values())

    def keep(self, number: int, outcome: Outcome) -> None:
        """One more group is done."""
        self.groups[number] = outcome
        self._unsaved = True
        if self._clock() >= self._due:
            self._save()

    def _save(self) -> None:
        start = self._clock()
        save(self._path, self._experiment, self.groups)
        self._unsaved = False
        end = self._clock()
        self._due = end + max(PAUSE, WORK_TO_SAVING * (end - start))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._unsaved:
            self._save()
