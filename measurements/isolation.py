"""Measure what isolation costs: the same pages rendered in this process, and in a worker as the build does it.

    python measurements/isolation.py FOLDER [--documents 150] [--repeat 3]

Times are processor time of all processes, start of the worker and its imports included; documents that take more than
three seconds are left out, since nothing would be seen beside them.
"""

import argparse
import contextlib
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self
from unittest import mock

from scribetune.core import isolation
from scribetune.documents import rendering
from scribetune.documents.inputs import Document, find_documents

SLOW_S = 3.0


def processor_time() -> float:
    """Return seconds of processor time of this process and of its children that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


class NoWorkers:
    """Stands in for `isolation.Workers`: the same calls in this process, without any limit."""

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run_steps(self, tasks: Sequence[isolation.Task], *_: object) -> Iterator[tuple[isolation.Outcome, ...]]:
        """Run tasks one after the other."""
        for task in tasks:
            yield tuple(isolation.Outcome(value) for value in task.function(*task.arguments, first=0))


def here(documents: Sequence[Document], settings: rendering.RenderSettings) -> int:
    """Render in this process; returns the number of pages."""
    with mock.patch.object(isolation, "Workers", NoWorkers):
        return isolated(documents, settings)


def isolated(documents: Sequence[Document], settings: rendering.RenderSettings) -> int:
    """Render as the build does; returns the number of pages."""
    return sum(len(result.pages) for result in rendering.render_shard(documents, {}, settings, workers=1))


def measure(work: Callable[[], int]) -> tuple[int, float]:
    """Return (pages, seconds of processor time)."""
    start = processor_time()
    count = work()
    return count, processor_time() - start


def main() -> None:
    """Print what the module's docstring says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=150)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    found = find_documents(options.folder.resolve()).documents[
        :: max(1, len(find_documents(options.folder).documents) // options.documents)
    ]
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        quick = rendering.RenderSettings(2304, "auto", SLOW_S, "first look")
        fine = []
        for document, result in zip(found, rendering.render_shard(found, {}, quick, workers=1), strict=True):
            if result.document.status == "ok" and not any(row.status == "timed_out" for row in result.pages):
                fine.append(document)
        print(f"{len(fine)} documents")
        ratios = []
        for attempt in range(options.repeat):
            # Other digests of code: nothing is taken from the run before.
            first, second = (
                rendering.RenderSettings(2304, "auto", 60.0, f"{attempt} {way}") for way in ("here", "there")
            )
            start = time.monotonic()
            count, alone = measure(lambda settings=first: here(fine, settings))
            middle = time.monotonic()
            _, workers = measure(lambda settings=second: isolated(fine, settings))
            end = time.monotonic()
            ratios.append(workers / alone - 1)
            print(
                f"{count} pages: in this process {alone:.2f} s, in a worker {workers:.2f} s of processor time "
                f"(+{ratios[-1]:.1%}); on the clock {middle - start:.2f} s and {end - middle:.2f} s"
            )
        print(f"isolation costs {statistics.median(ratios):.1%} (median of {options.repeat})")


if __name__ == "__main__":
    main()
