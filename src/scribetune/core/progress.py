"""Progress of long work: a live bar on a terminal; elsewhere (CI, nohup, a job over ssh) a line about once a minute."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

AROUND_A_JOB = True

JOB = "SCRIBETUNE_JOB"
"""Variable of the environment with the name of the job that this process, or the one that started it, works for."""
_FIRST_AFTER_S = 10.0
_EVERY_S = 60.0


class Advance(Protocol):
    """Moves a bar on by `steps` and shows `note` behind it."""

    def __call__(self, steps: int = 1, note: str = "") -> None:
        """Advance by `steps`; 0 says that the work goes on, or what was done before."""


@contextmanager
def bar(description: str, total: int, unit: str) -> Iterator[Advance]:
    """Show count and remaining time: a bar where stderr is a terminal, lines where it is not.

    Args:
        description: What is being done, for example "Rendering".
        total: Number of steps expected.
        unit: What one step is, for example "pages".

    Yields:
        A callable that advances it.
    """
    if not sys.stderr.isatty():
        yield _Lines(description, total, unit)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(description, total=total, note="")

        def advance(steps: int = 1, note: str = "") -> None:
            progress.update(task, advance=steps, note=note)

        yield advance


@dataclass(frozen=True)
class _Point:
    """How much was done when."""

    done: int
    s: float  # of the monotonic clock


class _Lines:
    """Writes a line to stderr when work has gone on for some seconds, and then once a minute.

    A line is written as the work moves on: no thread watches it, since some of this work starts processes by fork.
    """

    def __init__(self, description: str, total: int, unit: str) -> None:
        self._what, self._total, self._unit = description.lower(), total, unit
        self._began = time.monotonic()
        self._due = self._began + _FIRST_AFTER_S
        self._done = 0
        self._first: _Point | None = None

    def __call__(self, steps: int = 1, note: str = "") -> None:
        now = time.monotonic()
        self._done += steps
        if self._first is None:
            # The first step bears the start of all, and may stand for what an earlier run has done.
            self._first = _Point(self._done, now)
        if now >= self._due:
            self._due = now + _EVERY_S
            sys.stderr.write(self._line(self._first, now, note))
            sys.stderr.flush()

    def _line(self, first: _Point, now: float, note: str) -> str:
        done_since, took = self._done - first.done, now - first.s
        left = (self._total - self._done) * took / done_since if done_since > 0 else None
        job = os.environ.get(JOB, "")
        parts = [
            f"{self._what}, {self._done:,} of {self._total:,} {self._unit}",
            words(now - self._began),
            "" if left is None else f"about {words(left)} left",
            note,
        ]
        return (f"{job}: " if job else "") + ", ".join(filter(None, parts)) + "\n"


def words(seconds: float) -> str:
    """Return a time in words: 45 s, 4.1 min, 16 min, 2.5 h."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def counting(advance: Advance, kind: type, unit: str) -> Callable[[object], None]:
    """Return a function that counts the values of a kind that it is called with, and shows how many there were.

    Steps of the bar may be long (documents); these are what they consist of (pages).
    """
    count = 0

    def heard(value: object) -> None:
        nonlocal count
        if isinstance(value, kind):
            count += 1
            advance(0, f"{count:,} {unit}")

    return heard
