"""Who is at work in a working directory: the build, and each of its jobs, as locks that end with their process.

A build that is killed (`kill -9`, the memory killer) leaves jobs that go on, and Snakemake's own lock, which nobody
takes away. These locks (flock) are the system's: they are gone when the process and all it forked are.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

AROUND_A_JOB = True

FOLDER = Path("work/running")
_BUILD = "build"
_UNNAMED = "job-"


@dataclass(frozen=True)
class Process:
    """A process at work."""

    name: str  # "build", or a job's name
    pid: int
    since: float  # seconds since 1970
    slurm: str = ""  # number of the Slurm job that it is in; "" for a process of this machine

    def words(self) -> str:
        """Return "train_adapter (process 123, since 14:05)"."""
        since = time.strftime("%H:%M" if time.time() - self.since < 12 * 3600 else "%Y-%m-%d %H:%M", self._local())
        what = f"Slurm job {self.slurm}" if self.slurm else f"process {self.pid}"
        return f"{self.name} ({what}, since {since})"

    def stop(self) -> str:
        """Return the command that stops it."""
        return f"scancel {self.slurm}" if self.slurm else f"kill {self.pid}"

    def _local(self) -> time.struct_time:
        return time.localtime(self.since)


@contextlib.contextmanager
def job(name: str, folder: Path = Path()) -> Iterator[None]:
    """Be seen as a job at work until the body ends, or the process and all that it forked do."""
    stream = _take(folder / FOLDER / f"{name.replace('/', '_')}.lock", name)
    try:
        yield
    finally:
        if stream is not None:
            stream.close()


def hold_build(folder: Path = Path()) -> bool:
    """Be the build of a folder until this process ends; False where another one is at work."""
    path = folder.resolve() / FOLDER / f"{_BUILD}.lock"
    stream = _held.get(path) or _take(path, _BUILD)
    if stream is not None:
        _held[path] = stream
    return stream is not None


def hold_job(folder: Path = Path()) -> None:
    """Be seen as a job of a build until this process ends: before its script, and `job`, begins."""
    path = folder.resolve() / FOLDER / f"{_UNNAMED}{os.getpid()}.lock"
    if (stream := _take(path, "a job")) is not None:
        _held[path] = stream


def read_workflow(folder: Path = Path()) -> bool:
    """Say that this process has read the workflow, until it ends; return whether no other one is at work with it."""
    path = folder.resolve() / FOLDER / "workflow"
    if path in _held:
        return False  # nothing can be said: a lock is one for the whole process
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = _held[path] = path.open("a", encoding="utf-8")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_alone = True
        except BlockingIOError:
            is_alone = False
        fcntl.flock(stream, fcntl.LOCK_SH)
    except OSError:  # a folder that cannot be written to, or a file system without locks
        return False
    return is_alone


_held: dict[Path, IO[str]] = {}
"""Open files whose lock this process keeps until it ends."""


def at_work(folder: Path = Path()) -> list[Process]:
    """Return the processes that are at work in a folder, this one left out: the build first, then jobs by name."""
    found = []
    for path in sorted((folder / FOLDER).glob("*.lock")):
        process = _holder(path)
        if process is not None and process.pid != os.getpid():
            found.append(process)
        elif process is None and path.name.startswith(_UNNAMED):
            path.unlink(missing_ok=True)
    return sorted(found, key=lambda process: (process.name != _BUILD, process.name))


def _take(path: Path, name: str) -> IO[str] | None:
    """Lock a file and write into it who has it; None where it is locked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return None
    except OSError:
        return stream  # a file system without locks: nobody can be seen there, and nobody is in the way
    stream.seek(0)
    stream.truncate()
    slurm = os.environ.get("SLURM_JOB_ID", "")
    stream.write(json.dumps({"name": name, "pid": os.getpid(), "since": time.time(), "slurm": slurm}))
    stream.flush()
    return stream


def _holder(path: Path) -> Process | None:
    try:
        with path.open("r+", encoding="utf-8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                values = json.loads(stream.read() or "{}")
                known = {"name": path.stem, "pid": 0, "since": 0, **values}
                slurm = str(known.get("slurm", ""))
                return Process(str(known["name"]), int(known["pid"]), float(known["since"]), slurm)
    except (OSError, ValueError):  # gone meanwhile, or a file system without locks
        return None
    return None
