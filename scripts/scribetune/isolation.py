"""Work on untrusted documents in worker processes with a time limit: a hang or a crash costs that document alone."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Self

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One call in a worker: `function(*arguments)` within `timeout_s` seconds. Both must be picklable."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    timeout_s: float


@dataclass(frozen=True)
class Outcome:
    """What came of a task: `value`, or `failure` ("timed_out", "crashed", "error") with a message."""

    value: Any
    failure: str = ""
    message: str = ""


@contextlib.contextmanager
def _main_stays_here() -> Iterator[None]:
    """Keep new processes from importing the program that started them.

    spawn imports it in each, in case a task's function is defined there. Here that program is a rule's script, which
    loads Snakemake and pandas: a second and 150 MB for every worker, more than most documents take. Tasks are functions
    of modules, which are found without it.
    """
    program = sys.modules["__main__"]
    file = program.__dict__.pop("__file__", None)
    try:
        yield
    finally:
        if file is not None:
            program.__file__ = file


class Workers:
    """Worker processes that run tasks; use as a context manager. None is started before the first task.

    Args:
        count: Number of processes.
    """

    def __init__(self, count: int) -> None:
        from pebble import ProcessPool

        # spawn: forking a process that has threads (onnxruntime, pandas) can deadlock.
        self._pool = ProcessPool(max_workers=max(1, count), context=get_context("spawn"))
        self._started = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._started.enter_context(_main_stays_here())
        self._started.enter_context(self._pool)
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Run tasks and yield their outcomes in the order of the tasks.

        A worker that hangs is killed at its limit, one that dies is replaced; the other tasks go on.

        Args:
            tasks: What to do; functions of modules, not of the program itself.

        Yields:
            One outcome per task.
        """
        from pebble import ProcessExpired

        futures = [self._pool.schedule(t.function, args=list(t.arguments), timeout=t.timeout_s) for t in tasks]
        for task, future in zip(tasks, futures, strict=True):
            try:
                yield Outcome(future.result())
            except FutureTimeoutError:
                yield Outcome(None, "timed_out", f"took longer than {task.timeout_s:g} s and was given up")
            except ProcessExpired as error:
                yield Outcome(None, "crashed", f"the worker process died (exit code {error.exitcode})")
            except Exception as error:
                logger.warning("a task failed in its worker", exc_info=error)
                yield Outcome(None, "error", f"{type(error).__name__}: {error}")


def run(tasks: Sequence[Task], workers: int) -> Iterator[Outcome]:
    """Run tasks in worker processes of their own; see `Workers.run`.

    Args:
        tasks: What to do.
        workers: Number of processes, if there are as many tasks.

    Yields:
        One outcome per task.
    """
    with Workers(min(workers, len(tasks))) as started:
        yield from started.run(tasks)
