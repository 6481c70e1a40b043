"""How far a build is, asked from outside while it runs: of the log that Snakemake writes, of locks, receipts and logs.

Nothing is written and nothing is planned: the build that is at work notices nothing of it.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from scribetune.core import progress
from scribetune.core.errors import UserError
from scribetune.record import receipts, remembered, resources, running

_LOGS = Path(".snakemake/log")
_TAIL = 5
_TAIL_BYTES = 20_000
_TARGETS = frozenset(
    ("all", "samples", "pages", "labels", "splits", "adapter", "merged", "report", "audit", "benchmarks")
)
_DATE = re.compile(r"^\s*\[(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\]$")
_BEGUN = re.compile(r"^\s*(?:local)?(?:rule|checkpoint) (\w+):$")
_ERROR = re.compile(r"^\s*Error in rule (\w+)(?:, jobid: (\d+))?:$")
_FINISHED = re.compile(r"^\s*Finished jobid: (\d+) ")
_AGAIN = re.compile(r"^\s*Trying to restart job (\d+)")
_FIELD = re.compile(r"^\s+(jobid|log|wildcards): (.*)$")
_COUNT = re.compile(r"^(\w+) +(\d+)$")


@dataclass
class Job:
    """A job of this build that has begun."""

    name: str = ""  # its rule, and its wildcards behind it
    rule: str = ""
    logs: list[str] = field(default_factory=list)
    began: float | None = None  # seconds since 1970
    ended: float | None = None
    failed: bool = False


@dataclass(frozen=True)
class Stage:
    """The jobs of a rule."""

    rule: str
    jobs: int
    done: int
    running: int
    failed: int
    pages: int  # that its finished jobs worked on
    pages_per_second: float | None  # of the finished jobs, one after another; None before the first


@dataclass(frozen=True)
class Talk:
    """What a job says: the last lines of its log."""

    job: str
    log: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """How far a build is."""

    at_work: bool
    began: float | None  # seconds since 1970
    jobs: int
    done: int
    stages: tuple[Stage, ...]
    running: tuple[Talk, ...]
    failed: tuple[Talk, ...]
    seconds_left: float | None  # None where nothing says so

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return asdict(self)

    def words(self) -> list[str]:
        """Return lines for people."""
        failures = f", {len(self.failed)} failed" if self.failed else ""
        state = "at work" if self.at_work else "not at work; the last one"
        since = "" if self.began is None else f" since {time.strftime('%H:%M', time.localtime(self.began))}"
        left = "" if self.seconds_left is None else f"; about {progress.words(self.seconds_left)} left"
        lines = [f"build      {state}{since}: {self.done:,} of {self.jobs:,} jobs done{failures}{left}", ""]
        head = ("stage", "jobs", "done", "running", "failed", "pages", "pages/s")
        rows = [head, *map(_row, self.stages)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        lines += [
            "  ".join(cell.rjust(width) if column else cell.ljust(width)
                      for column, (cell, width) in enumerate(zip(row, widths, strict=True)))
            for row in rows
        ]  # fmt: skip
        for title, talks in (("running", self.running), ("failed", self.failed)):
            for talk in talks:
                lines += ["", f"{title:<10} {talk.job} ({talk.log})", *(f"    {line}" for line in talk.lines)]
        return lines


def _row(stage: Stage) -> tuple[str, ...]:
    rate = "—" if stage.pages_per_second is None else f"{stage.pages_per_second:.3g}"
    counts = (stage.jobs, stage.done, stage.running, stage.failed)
    return (stage.rule, *(f"{count:,}" for count in counts), f"{stage.pages:,}" if stage.pages else "—", rate)


def read(folder: Path = Path()) -> Status:
    """Return how far the build of a folder is, or how far the last one came.

    Raises:
        UserError: No build was ever started there.
    """
    logs = sorted((folder / _LOGS).glob("*.snakemake.log"))
    there = next((log for log in reversed(logs) if "\nJob stats:\n" in _text(log)), None)
    if there is None:
        raise UserError(
            "No build was started here", value=str(folder), accepted="the working directory of a build",
            todo=f"start one: {remembered.command(folder)}; or name the build's folder with --folder",
        )  # fmt: skip
    account = _Account()
    for line in _text(there).splitlines():
        account.read(line)
    counts, jobs = account.counts, account.begun
    at_work = any(process.name == "build" for process in running.at_work(folder))
    known = receipts.read(folder)
    stages = tuple(_stages(folder, counts, jobs.values(), known, at_work=at_work))
    began = min((job.began for job in jobs.values() if job.began is not None), default=None)
    busy = [job for job in jobs.values() if at_work and job.ended is None and not job.failed]
    return Status(
        at_work=at_work,
        began=began,
        jobs=sum(counts.values()),
        done=sum(stage.done for stage in stages),
        stages=stages,
        running=tuple(_talks(folder, busy)),
        failed=tuple(_talks(folder, [job for job in jobs.values() if job.failed])),
        seconds_left=_seconds_left(folder, stages, jobs.values()) if at_work else None,
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


class _Account:
    """What a build's log tells, line by line."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}  # rule → its jobs, targets left out
        self._jobs: dict[int, Job] = {}  # by Snakemake's number
        self._now: float | None = None
        self._in_table = False
        self._rule, self._is_error = "", False  # of the paragraph
        self._number: int | None = None
        self._logs: list[str] = []
        self._kinds: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], None]], ...] = (
            (_DATE, self._date), (_ERROR, self._error), (_BEGUN, self._begin), (_FINISHED, self._finish),
            (_AGAIN, self._again), (_FIELD, self._field), (_COUNT, self._count),
        )  # fmt: skip

    @property
    def begun(self) -> dict[int, Job]:
        """The jobs that have begun, targets left out."""
        return {number: job for number, job in self._jobs.items() if job.rule and job.rule not in _TARGETS}

    def read(self, line: str) -> None:
        """Take in one more line."""
        if line == "Job stats:":
            self._in_table = True
        for pattern, take in self._kinds:
            if found := pattern.match(line):
                take(found)
                return

    def _count(self, found: re.Match[str]) -> None:
        if self._in_table and found[1] != "total" and found[1] not in _TARGETS:
            self.counts[found[1]] = int(found[2])
        self._in_table = self._in_table and found[1] != "total"

    def _date(self, found: re.Match[str]) -> None:
        self._now = datetime.strptime(found[1], "%a %b %d %H:%M:%S %Y").timestamp()

    def _begin(self, found: re.Match[str]) -> None:
        self._rule, self._is_error, self._number, self._logs = found[1], False, None, []

    def _error(self, found: re.Match[str]) -> None:
        self._begin(found)
        self._is_error = True
        if found[2]:
            self._jobs.setdefault(int(found[2]), Job(self._rule, self._rule)).failed = True

    def _finish(self, found: re.Match[str]) -> None:
        job = self._jobs.setdefault(int(found[1]), Job())
        job.ended, job.failed = self._now, False

    def _again(self, found: re.Match[str]) -> None:
        self._jobs.setdefault(int(found[1]), Job()).failed = False

    def _field(self, found: re.Match[str]) -> None:
        if not self._rule:
            return
        name, value = found[1], found[2]
        if name == "log":
            self._logs = re.sub(r" \(check log file.*", "", value).split(", ")
        elif name == "jobid":
            self._number = int(value)
            if self._is_error:
                self._jobs.setdefault(self._number, Job(self._rule, self._rule)).failed = True
            else:
                self._jobs[self._number] = Job(self._rule, self._rule, self._logs, self._now)
        elif self._number is not None and not self._is_error:
            wildcards = dict(part.split("=", 1) for part in value.split(", "))
            self._jobs[self._number].name = receipts.job_name(self._rule, wildcards)


def _stages(
    folder: Path,
    counts: Mapping[str, int],
    jobs: Iterable[Job],
    known: Mapping[str, receipts.Receipt],
    *,
    at_work: bool,
) -> Iterator[Stage]:
    by_rule: dict[str, list[Job]] = {}
    for job in jobs:
        by_rule.setdefault(job.rule, []).append(job)
    for rule, total in counts.items():
        begun = by_rule.get(rule, [])
        done = [job for job in begun if job.ended is not None]
        failed = sum(job.failed for job in begun)
        pages = sum(resources.pages(known[job.name], folder) or 0 for job in done if job.name in known)
        seconds = sum(job.ended - job.began for job in done if job.ended is not None and job.began is not None)
        rate = pages / max(seconds, 1.0) if pages and done else None  # the log has whole seconds
        active = len(begun) - len(done) - failed if at_work else 0
        yield Stage(rule, total, len(done), active, failed, pages, rate)


def _talks(folder: Path, jobs: Sequence[Job]) -> Iterator[Talk]:
    for job in jobs:
        log = job.logs[0] if job.logs else ""
        yield Talk(job.name, log, tuple(_last_lines(folder / log)) if log else ())


def _last_lines(path: Path) -> list[str]:
    """Return the last lines of a log, without reading all of a long one."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            return stream.read().decode("utf-8", "replace").splitlines()[-_TAIL:]
    except OSError:
        return []


def _seconds_left(folder: Path, stages: Sequence[Stage], jobs: Iterable[Job]) -> float | None:
    """Return how long the rest takes, if as many jobs run at a time as do now.

    A rule's jobs are taken to last as long as those of it that are done, else as in the last build here. None where a
    rule that is still to come never ran here.
    """
    took: dict[str, list[float]] = {}
    for job in jobs:
        if job.ended is not None and job.began is not None:
            took.setdefault(job.rule, []).append(job.ended - job.began)
    before = resources.pages_and_times(folder)
    left = 0.0
    for stage in stages:
        if rest := stage.jobs - stage.done:
            times = took.get(stage.rule) or [taken.seconds for _pages, taken in before.get(stage.rule, ())]
            if not times:
                return None
            left += rest * sum(times) / len(times)
    return left / max(1, sum(stage.running for stage in stages))
