"""Work on untrusted documents in worker processes with limits of time and memory.

A hang, a crash or a memory bomb costs the step it came in (a page, where the work goes page by page), never the build:
the worker is killed or replaced, and the work goes on behind that step. Workers are used again for one document after
another, so that isolation costs little (measurements/isolation.py).

Limits of time are processor time of the worker and its children, so that what is given up does not depend on what else
the machine does. A hang that uses none is given up once it has slept for `HANG_FACTOR` times the limit; waiting for a
processor is no sleep, and a stopped process does not sleep either.
"""

import contextlib
import ctypes
import logging
import os
import resource
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from pathlib import Path
from typing import Any, Self

from scribetune.core.errors import DiskFullError

logger = logging.getLogger(__name__)

MEMORY_MB = 1536
"""Default limit of a worker's own memory; with program code and libraries a process then stays below 2 GiB."""
GIVE_UP_AFTER = 3
"""A document that loses so many steps to hangs, crashes and memory is given up: each may have cost a time limit."""
HANG_FACTOR = 10
"""A step is given up once it has slept for so many times its limit: it waits for what does not come."""
_START_LIMIT_S = 60.0
_SHORTEST_LOOK_S = 0.02  # the system counts processor time in hundredths of a second
_FULL_DISK = "full_disk"
_MESSAGE_CHARACTERS = 300


@dataclass(frozen=True)
class Task:
    """One piece of work in a worker. Everything must be picklable; functions must be those of modules."""

    function: Callable[..., Any]
    """For `Workers.run`, a function that is called once. For `Workers.run_steps`, a generator function with a further
    argument `first`: it yields the values of its steps from that one on, counted from 0."""
    arguments: tuple[Any, ...]
    timeout_s: float  # longest processor time for the call, or for each step
    weight: int = 0
    """How much work it is, about, in any unit. Heavy tasks start first, so that none is left alone at the end."""


@dataclass(frozen=True)
class Outcome:
    """What came of a task or of one of its steps."""

    value: Any  # what the function returned or yielded; None where it failed
    failure: str = ""  # "" or "timed_out", "crashed", "too_large" (it wanted more memory than allowed), "error"
    message: str = ""  # why it failed, in words


class TooLargeError(Exception):
    """A function in a worker refuses what would take more memory than allowed."""


def is_memory_error(error: BaseException) -> bool:
    """Whether an exception says that memory ran out: Python's own, or MuPDF's, which has no class for it."""
    if isinstance(error, MemoryError | TooLargeError):
        return True
    text = str(error).lower()
    return any(words in text for words in ("malloc", "calloc", "realloc", "out of memory", "overly large"))


@dataclass
class _Job:
    """A task under way: the outcomes so far, and how many steps were lost."""

    task: Task
    by_steps: bool
    outcomes: list[Outcome] = field(default_factory=list)
    lost: int = 0


@dataclass
class _Worker:
    """A worker process, the pipe to it, and what it is busy with."""

    process: Any
    pipe: connection.Connection
    job: int | None = None
    ready: bool = False
    limit_s: float = _START_LIMIT_S
    before_s: float = 0.0  # processor time before its step
    used_s: float = 0.0  # processor time of its step, when it was last looked at
    slept_s: float = 0.0  # time on the clock, of its step, in which it slept
    last_look: float = field(default_factory=time.monotonic)
    next_look: float = field(default_factory=lambda: time.monotonic() + _START_LIMIT_S)

    def begin(self, limit_s: float) -> None:
        """Count time anew, for another step."""
        found = _activity(self.process.pid)
        self.limit_s, self.before_s = limit_s, found.processor_s if found else 0.0
        self.used_s = self.slept_s = 0.0
        self.last_look = time.monotonic()
        # It works in one thread: no earlier than this can its processor time be spent.
        self.next_look = self.last_look + limit_s

    def over_limit(self) -> str:
        """Return which limit it is over, in words; "" where it is over none, and the next look is later."""
        now, found = time.monotonic(), _activity(self.process.pid)
        passed_s = now - self.last_look
        # Where the system does not tell processor time, the clock has to do.
        used_s = found.processor_s - self.before_s if found else self.used_s + passed_s
        if found and found.sleeps:
            self.slept_s += max(0.0, passed_s - (used_s - self.used_s))
        self.used_s, self.last_look = used_s, now
        if used_s >= self.limit_s:
            return f"took longer than {self.limit_s:g} s of processor time"
        longest_sleep_s = HANG_FACTOR * self.limit_s
        if self.slept_s >= longest_sleep_s:
            return f"did nothing for {longest_sleep_s:g} s"
        self.next_look = now + max(_SHORTEST_LOOK_S, min(self.limit_s - used_s, longest_sleep_s - self.slept_s))
        return ""


class Workers:
    """Worker processes that run tasks; use as a context manager. None is started before the first task.

    Args:
        count: Number of processes.
        memory_mb: Most memory of its own that a worker may take, in MiB. (RLIMIT_DATA, which Linux enforces; elsewhere
            there is no limit, and the log says so.)
        prepare: Function of a module that a worker calls when it starts, to import what tasks need: the first one's
            time limit does not pay for it.
    """

    def __init__(self, count: int, memory_mb: int = MEMORY_MB, prepare: Callable[[], None] | None = None) -> None:
        self._count = max(1, count)
        self._setting = (memory_mb, prepare)
        self._heard: Callable[[Any], None] = lambda _value: None
        self._ended: Callable[[int], None] = lambda _number: None
        # spawn: forking a process that has threads (onnxruntime, pandas) can deadlock.
        self._context = get_context("spawn")
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            if worker.job is None:
                worker.pipe.close()  # the end of its input: it ends by itself
            else:
                _kill(worker.process)
        for worker in self._workers:
            worker.process.join(1.0)
            if worker.process.is_alive():
                _kill(worker.process)
                worker.process.join()
        self._workers.clear()

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Run tasks and yield one outcome for each, in their order."""
        for outcomes in self._run([_Job(task, by_steps=False) for task in tasks]):
            yield outcomes[0]

    def run_steps(
        self,
        tasks: Sequence[Task],
        heard: Callable[[Any], None] | None = None,
        ended: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[Outcome, ...]]:
        """Run tasks step by step, each step under the time limit, and yield their outcomes in the order of the tasks.

        `heard` is called with the value of each step as it comes, and `ended` with the number of each task that has
        ended, in whatever order: heavy tasks begin first, and their outcomes wait for those before them. After a step
        that failed the work goes on with the next one. Where the first fails, or `GIVE_UP_AFTER` of them were lost to
        time, memory or a crash, the task ends there, and its last outcome is a failure.
        """
        if heard is not None:
            self._heard = heard
        if ended is not None:
            self._ended = ended
        yield from self._run([_Job(task, by_steps=True) for task in tasks])

    def _run(self, jobs: Sequence[_Job]) -> Iterator[tuple[Outcome, ...]]:
        waiting = deque(sorted(range(len(jobs)), key=lambda number: (-jobs[number].task.weight, number)))
        done: set[int] = set()
        for number, job in enumerate(jobs):
            while number not in done:
                self._hand_out(jobs, waiting)
                for ended in self._receive(jobs, waiting):
                    done.add(ended)
                    self._ended(ended)
            yield tuple(job.outcomes)

    def _hand_out(self, jobs: Sequence[_Job], waiting: deque[int]) -> None:
        """Give idle workers something to do, and start more of them as long as there are fewer than asked for."""
        idle = [worker for worker in self._workers if worker.ready and worker.job is None]
        starting = sum(not worker.ready for worker in self._workers)
        while len(self._workers) < self._count and len(waiting) > len(idle) + starting:
            self._workers.append(self._start())
            starting += 1
        for worker in idle:
            if not waiting:
                return
            number = waiting.popleft()
            job = jobs[number]
            try:
                worker.pipe.send((job.task.function, job.task.arguments, len(job.outcomes) if job.by_steps else None))
            except OSError:  # it died of its own while idle: the job is not to blame
                waiting.appendleft(number)
                self._remove(worker)
                continue
            worker.job = number
            worker.begin(job.task.timeout_s)

    def _start(self) -> _Worker:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(there, *self._setting), daemon=True)
        with _main_stays_here():
            process.start()
        there.close()
        return _Worker(process, here)

    def _receive(self, jobs: Sequence[_Job], waiting: deque[int]) -> list[int]:
        """Wait for the next message, death or look at a worker's time; returns the jobs that have ended."""
        ended: list[int] = []
        busy = {worker.pipe: worker for worker in self._workers if worker.job is not None or not worker.ready}
        nearest = min((worker.next_look for worker in busy.values()), default=time.monotonic())
        for pipe in connection.wait(list(busy), max(0.0, nearest - time.monotonic())):
            worker = busy[pipe]  # type: ignore[index]  # nothing but these pipes is waited for
            try:
                kind, value = worker.pipe.recv()
            except (EOFError, OSError):
                ended += self._lose(worker, jobs, waiting, "crashed")
                continue
            ended += self._hear(worker, jobs, waiting, kind, value)
        now = time.monotonic()
        for worker in [worker for worker in busy.values() if worker in self._workers and worker.next_look <= now]:
            if (worker.job is not None or not worker.ready) and not worker.pipe.poll() and (why := worker.over_limit()):
                ended += self._lose(worker, jobs, waiting, "timed_out", why)
        return ended

    def _hear(self, worker: _Worker, jobs: Sequence[_Job], waiting: deque[int], kind: str, value: Any) -> list[int]:
        """Act on a worker's message; returns the job that has ended with it, if one has."""
        if kind == "ready":
            worker.ready = True
            return []
        if worker.job is None:
            return []
        number = worker.job
        job = jobs[number]
        if kind == "value":
            job.outcomes.append(Outcome(value))
            self._heard(value)
            worker.begin(job.task.timeout_s)
            return []
        if kind in ("end", "leave"):
            worker.job = None
            if kind == "leave":
                self._remove(worker)
            return [number]
        if kind == _FULL_DISK:  # no fault of the document's: it must not be recorded as one
            raise DiskFullError(value)
        logger.warning("a task failed in its worker: %s", value[1])
        worker.job = None
        return self._failed(number, job, waiting, Outcome(None, kind, value[0]))

    def _lose(
        self, worker: _Worker, jobs: Sequence[_Job], waiting: deque[int], failure: str, why: str = ""
    ) -> list[int]:
        """Remove a worker that died or took too long; returns the job that has ended with it, if one has."""
        number = worker.job
        if failure == "timed_out":
            _kill(worker.process)
        self._remove(worker)
        if number is None:
            if not worker.ready:
                raise RuntimeError(f"worker processes cannot be started (exit code {worker.process.exitcode})")
            return []
        job = jobs[number]
        if failure == "timed_out":
            message = f"{why} and was given up"
        else:
            message = f"the worker process died ({_how_it_died(worker.process.exitcode)})"
        return self._failed(number, job, waiting, Outcome(None, failure, message))

    def _failed(self, number: int, job: _Job, waiting: deque[int], outcome: Outcome) -> list[int]:
        is_first = not job.outcomes
        job.outcomes.append(outcome)
        job.lost += 1
        if not job.by_steps or is_first or job.lost >= GIVE_UP_AFTER:
            return [number]
        waiting.appendleft(number)
        return []

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.join()
        worker.pipe.close()


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


@dataclass(frozen=True)
class _Activity:
    """What a process and its children, ended or running, have done so far."""

    processor_s: float
    sleeps: bool  # none of them runs, waits for a processor, or is stopped


def _activity(pid: int) -> _Activity | None:
    """Return what a process does; None where the system does not tell."""
    process = Path(f"/proc/{pid}")
    try:
        # The fields of proc(5) from the third on; the second is the program's name and may hold anything.
        fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
        processor_s = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return None
    told = [child for child in map(_activity, _children(pid)) if child]
    return _Activity(
        processor_s + sum(child.processor_s for child in told),
        sleeps=fields[0] in (b"S", b"D", b"Z") and all(child.sleeps for child in told),
    )


def _children(pid: int) -> list[int]:
    """Return the processes that a process started and that are there; none where the system does not tell."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # a thread or child has just ended: what it used is told at the next look
        for thread in Path(f"/proc/{pid}").glob("task/*/children"):
            found += map(int, thread.read_bytes().split())
    return found


def _kill(process: Any) -> None:
    """Kill a worker, and before it the programs that it runs: they would go on without it, and use a processor."""

    def end_children(pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)  # it starts no more of them
        for child in _children(pid):
            end_children(child)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    if process.is_alive():
        end_children(process.pid)
    process.kill()


def _how_it_died(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"signal {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"signal {-exit_code}"


def _serve(pipe: connection.Connection, memory_mb: int, prepare: Callable[[], None] | None) -> None:
    """Work in a worker process until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    limit_memory(memory_mb)
    _keep_freed_memory()
    if prepare is not None:
        prepare()
    with contextlib.suppress(EOFError, OSError):  # the parent has gone or wants no more
        pipe.send(("ready", None))
        while True:
            function, arguments, first = pipe.recv()
            kind, value = _work(pipe, function, arguments, first)
            if kind == "end" and _is_swollen(memory_mb):
                pipe.send(("leave", None))
                return
            pipe.send((kind, value))


def _work(
    pipe: connection.Connection, function: Callable[..., Any], arguments: tuple[Any, ...], first: int | None
) -> tuple[str, Any]:
    """Run a task and send its values; returns the message that it ends with."""
    import traceback

    try:
        if first is None:
            pipe.send(("value", function(*arguments)))
        else:
            for value in function(*arguments, first=first):
                pipe.send(("value", value))
    except Exception as error:  # whatever untrusted content provokes; the parent tells it in words
        if isinstance(error, DiskFullError):
            return _FULL_DISK, str(error)
        if is_memory_error(error):
            return "too_large", ("it wanted more memory than documents.memory_mb allows", _words(error))
        return "error", (_words(error), traceback.format_exc())
    return "end", None


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_MESSAGE_CHARACTERS]


def limit_memory(memory_mb: int) -> None:
    """Limit the memory that this process may take for itself; what goes beyond it raises MemoryError.

    RLIMIT_DATA counts private writable memory. RLIMIT_AS would count what libraries merely reserve (0.5 GB with MuPDF
    and NumPy, more for each thread), and leave no fixed amount for the work.
    """
    wanted = memory_mb * 2**20
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))
    except (ValueError, OSError) as error:
        logger.warning("no memory limit here: %s", error)


def _keep_freed_memory() -> None:
    """Have the C library keep the memory of one page's image for the next, instead of giving it back and asking again.

    The system clears what it gives: with images of 11 MB that is a tenth of a page's time. Other C libraries than
    glibc do without.
    """
    trim_threshold, mmap_threshold = -1, -3  # malloc.h
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(mmap_threshold, 32 * 2**20)
        library.mallopt(trim_threshold, 128 * 2**20)


def _is_swollen(memory_mb: int) -> bool:
    """Whether what earlier documents left behind takes so much that a healthy one may not find enough.

    The process is then replaced. Where the system does not say, it never is.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    except (OSError, IndexError, ValueError):
        return False
    return pages * resource.getpagesize() > memory_mb * 2**20 // 2
