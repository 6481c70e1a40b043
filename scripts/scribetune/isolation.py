"""Work on untrusted documents in worker processes with a time limit: a hang or a crash costs that document alone."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

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


def run(tasks: Sequence[Task], workers: int) -> Iterator[Outcome]:
    """Run tasks in reused worker processes and yield their outcomes in the order of the tasks.

    A worker that hangs is killed at its limit, one that dies is replaced; the other tasks go on.

    Args:
        tasks: What to do.
        workers: Number of processes.

    Yields:
        One outcome per task.
    """
    from pebble import ProcessExpired, ProcessPool

    if not tasks:
        return
    # spawn: forking a process that has threads (onnxruntime, pandas) can deadlock.
    with ProcessPool(max_workers=max(1, min(workers, len(tasks))), context=get_context("spawn")) as pool:
        futures = [pool.schedule(t.function, args=list(t.arguments), timeout=t.timeout_s) for t in tasks]
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
