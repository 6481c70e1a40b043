"""What a build says on the terminal: for each job a line as it starts, with why, and a line as it ends.

Snakemake's own account names every file of every job, thousands of them where there are many documents. It is in the
log of the build, .snakemake/log, as ever; `--printshellcmds` (-p) or `--verbose` bring it to the terminal.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake_interface_logger_plugins.common import LogEvent

from scribetune.build import reasons, slurm_jobs
from scribetune.core import progress
from scribetune.record import receipts

if TYPE_CHECKING:
    from snakemake.jobs import Job, Reason
    from snakemake.workflow import Workflow

_MOST_NAMED = 3
_LONGEST_CHANGE = 60
_LAST_LINES = 5
_LONG_LIST = 300
_NOT_SAID = (
    "Assuming unrestricted shared filesystem usage", "Conda environments: ignored", "Config file ", "Group jobs: ",
    "Reasons:\n", "Select jobs to execute", "Singularity containers: ignored", "Using shell: ",
    "Some jobs were triggered by provenance information",
    # Of the Slurm executor, which looks for an account whatever the profile says.
    "No SLURM account given", "No account was given", "Unable to guess SLURM account", "Cleaning up SLURM log files",
    "MinJobAge ",
)  # fmt: skip
"""How messages begin that say nothing about this build; Snakemake gives them no event."""
_DROPPED = {LogEvent.WORKFLOW_STARTED, LogEvent.RESOURCES_INFO, LogEvent.JOB_STARTED}
_SPOKE = "returned non-zero exit status 1."
"""End of what Snakemake says of a script that failed by itself: it has said why."""


def shorten(workflow: "Workflow") -> None:
    """Have Snakemake say less on the terminal from now on, unless it was asked for more.

    Its log file is left as it is; so is another program that shows the build (`--logger`).
    """
    asked = workflow.output_settings
    if asked.verbose or asked.printshellcmds or asked.debug_dag:
        return
    manager = workflow.logger_manager
    for handler in manager.logger.handlers:
        if handler.name == "DefaultStreamHandler":
            log = next(iter(manager.get_logfile()), "")
            handler.setFormatter(Short(handler, Why(workflow).of_job, dry_run=asked.dryrun, log=log))


class Short(logging.Formatter):
    """Words for Snakemake's log records; "" where there are none, and nothing is then shown.

    Args:
        handler: Of Snakemake, which shows them.
        why: Job id → why the job runs, in few words.
        dry_run: Nothing runs: jobs are listed.
        log: Path of the log that has everything.
    """

    def __init__(self, handler: Any, why: Callable[[int], str], *, dry_run: bool, log: str) -> None:
        super().__init__()
        self._handler, self._full = handler, handler.formatter
        self._why, self._dry_run, self._log = why, dry_run, log
        self._began: dict[int, float] = {}
        self._names: dict[int, str] = {}
        self._finished: list[str] = []
        self._counted = False
        self._events: dict[Any, Callable[[Any], str]] = {
            LogEvent.RUN_INFO: self._jobs,
            LogEvent.JOB_INFO: self._start,
            LogEvent.JOB_FINISHED: self._end,
            LogEvent.PROGRESS: self._progress,
            LogEvent.JOB_ERROR: self._failure,
            LogEvent.ERROR: self._error,
            None: self._message,
        }

    def format(self, record: logging.LogRecord) -> str:
        """Return what is shown of a record."""
        # The handler puts an empty line between a job and what is no job.
        self._handler.last_msg_was_job_info = True
        event = getattr(record, "event", None)
        if event in _DROPPED:
            return ""
        text: str = self._events.get(event, self._full.format)(record)
        return text

    def _jobs(self, record: Any) -> str:
        """Return how many jobs there are; before a dry run of which rules; not again after it."""
        if self._counted:
            return ""
        self._counted = True
        if self._dry_run:
            return f"{record.getMessage().rstrip()}\n"
        total = record.stats["total"]
        return f"{total} job{'s' * (total > 1)} to run" + (f"; in full in {_from_here(self._log)}" if self._log else "")

    def _start(self, record: Any) -> str:
        name = receipts.job_name(record.rule_name, dict(record.wildcards))
        self._began[record.jobid], self._names[record.jobid] = time.monotonic(), name
        if not record.output and not record.log:
            return ""  # a target: it has nothing to do
        line = f"{name}: {self._why(record.jobid)}"
        return line if self._dry_run else f"{_clock()} {line}"

    def _end(self, record: Any) -> str:
        self._finished.append(self._with_time(record.job_id))
        return ""  # `_progress` follows at once

    def _progress(self, record: Any) -> str:
        finished, self._finished = self._finished, []
        return f"{_clock()} {record.done} of {record.total} done: {', '.join(finished)}"

    def _with_time(self, job: int) -> str:
        began = self._began.get(job)
        took = "" if began is None else f", {progress.words(time.monotonic() - began)}"
        return self._names.get(job, f"job {job}") + took

    def _failure(self, record: Any) -> str:
        lines = [f"{_clock()} failed: {self._with_time(record.jobid)}"]
        if record.log:
            lines[0] += f"; its log is {', '.join(map(_from_here, record.log))}"
            on_slurm = slurm_jobs.failure(record.rule_msg, record.log)
            lines += on_slurm.lines() if on_slurm else _last_words([Path(path) for path in record.log])
        return "\n".join(lines)

    def _error(self, record: Any) -> str:
        text: str = self._full.format(record)
        return "" if record.exception == "RuleException" and text.rstrip().endswith(_SPOKE) else text

    def _message(self, record: Any) -> str:
        text: str = self._full.format(record)
        return "" if text.startswith(_NOT_SAID) else "\n".join(_shorter(line) for line in text.split("\n"))


class Why:
    """Why jobs of a workflow run, in few words: by Snakemake's reasons, and by what receipts say of the last time."""

    def __init__(self, workflow: "Workflow") -> None:
        self._workflow = workflow

    def of_job(self, job_id: int) -> str:
        """Return why a job runs."""
        dag, job = self._workflow.dag, self._jobs[job_id]
        made_by = {
            path: receipts.job_name(other.rule.name, dict(other.wildcards_dict))
            for other, paths in dag.dependencies[job].items()
            for path in paths
        }
        return in_few_words(dag.reason(job), made_by, lambda: self._changes(job))

    @cached_property
    def _jobs(self) -> "dict[int, Job]":
        return {self._workflow.dag.jobid(job): job for job in self._workflow.dag.jobs}

    @cached_property
    def _receipts(self) -> Mapping[str, receipts.Receipt]:
        return receipts.read(Path())

    def _changes(self, job: "Job") -> Iterator[str]:
        receipt = self._receipts.get(receipts.job_name(job.rule.name, dict(job.wildcards_dict)))
        for cause in reasons.of_params(Path(), job, receipt) if receipt is not None else ():
            change = cause.change if len(cause.change) <= _LONGEST_CHANGE else "is another"
            yield f"{cause.name} {change}"


def in_few_words(reason: "Reason", made_by: Mapping[str, str], changes: Callable[[], Iterator[str]]) -> str:
    """Return a reason of Snakemake's in a line.

    Args:
        reason: Of Snakemake.
        made_by: Input → job that makes it in this build.
        changes: Gives what else changed since the last time: settings, code, libraries.
    """
    if reason.forced:
        return "asked for by --force or --forcerun"
    missing, incomplete = sorted(map(str, reason.missing_output)), sorted(map(str, reason.incomplete_output))
    following = sorted(map(str, reason.updated_input_run))
    changed = sorted(map(str, reason.updated_input))
    changed = [path for path in changed if path not in following]
    parts = []
    if missing:
        parts.append(f"to make {missing[0]}" + (f" and {len(missing) - 1:,} more" if missing[1:] else ""))
    if incomplete:
        parts.append(f"left incomplete: {named(incomplete)}")
    if changed:
        parts.append(f"changed: {named(changed)}")
    # Of a job that follows another Snakemake does not ask.
    if reason.params_changed or (following and not missing):
        own = named(list(changes()))
        parts += [own] if own else ["settings, or results that are not what it made"] * bool(reason.params_changed)
    if reason.input_changed:
        parts.append("other input files than before")
    if reason.code_changed or reason.software_stack_changed:
        parts.append("another environment or rule")
    if following and not missing:
        jobs = dict.fromkeys(made_by[path] for path in following if path in made_by)
        parts.append(f"follows {named(list(jobs) or following)}")
    return "; ".join(parts) or str(reason).strip() or "no reason given"


def named(names: Sequence[str]) -> str:
    """Return a few of many names, and how many more there are."""
    more = f" … and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _shorter(line: str) -> str:
    """Return a line without most of a long list in it."""
    start, *items = re.split(r", (?=\S)", line)
    return named([start, *items]) if len(line) > _LONG_LIST and len(items) > _MOST_NAMED else line


def _last_words(logs: Sequence[Path]) -> list[str]:
    """Return the last lines of logs of a job that ended without a word: killed, or out of memory."""
    lines: list[str] = []
    for path in logs:
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if " ERROR scribetune: " not in text:
            lines += [f"    {line}" for line in text.splitlines()[-_LAST_LINES:]]
    return ["  It said nothing of it; the log ends with", *lines] if lines else []


def _from_here(path: str) -> str:
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _clock() -> str:
    return time.strftime("[%H:%M:%S]")
