"""Progress bars: a live line on a terminal, nothing anywhere else (logs stay readable)."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

AROUND_A_JOB = True

T = TypeVar("T")


class Advance(Protocol):
    """Moves a bar on by `steps` and shows `note` behind it."""

    def __call__(self, steps: int = 1, note: str = "") -> None:
        """Advance by `steps`."""


@contextmanager
def bar(description: str, total: int, unit: str) -> Iterator[Advance]:
    """Show a bar with count, rate and remaining time on a terminal; stay silent when stderr is not one.

    Args:
        description: What is being done, for example "Rendering".
        total: Number of steps expected.
        unit: What one step is, for example "pages".

    Yields:
        A callable that advances the bar.
    """
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
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(description, total=total, note="")

        def advance(steps: int = 1, note: str = "") -> None:
            progress.update(task, advance=steps, note=note)

        yield advance


def track(items: Iterable[T], description: str, total: int, unit: str) -> Iterator[T]:
    """Iterate over `items` with a bar."""
    with bar(description, total, unit) as advance:
        for item in items:
            yield item
            advance()
