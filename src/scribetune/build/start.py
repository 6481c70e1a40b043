"""What happens when a build starts, before its first job, and when it has ended well: results are kept, not lost."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.build import passwords
from scribetune.build.plan import Plan
from scribetune.build.refusals import log_once, refusals
from scribetune.core import layout
from scribetune.core.errors import UserError
from scribetune.record import receipts, remembered, replaced, running
from scribetune.record.remembered import Remembered

if TYPE_CHECKING:
    from snakemake.workflow import Workflow

_LOCKS = Path(".snakemake/locks")
_GIGABYTE = 1e9
_LEAST_LOOKED_AT = 16  # of the jobs that wait, each time one is chosen
_USUAL_RATE = (100, 1)  # jobs in so many seconds: what Snakemake limits its starts to where nobody does


def read_workflow(folder: Path = Path()) -> None:
    """Take Snakemake's lock away where the build that had it was killed, and nothing of it is at work any more.

    Where one of its jobs still is, say so: Snakemake then refuses to build.
    """
    is_alone = running.read_workflow(folder)
    locks = [path for path in (folder / _LOCKS).glob("*") if path.is_file()]
    if not (is_alone and locks):
        return
    if jobs := running.at_work(folder):
        log_once(_left_over(jobs))
        return
    for path in locks:
        path.unlink()
    log_once("The last build in this folder was killed; this one goes on from there.")


def start(plan: Plan, workflow: "Workflow", call: Remembered) -> None:
    """Do what comes before the first job: called when a build starts, within Snakemake's lock.

    Raises:
        SystemExit: `--touch`, another build or a job of one is at work here, or the disk is full.
    """
    with refusals():
        if workflow.touch:
            raise UserError(
                "--touch would have results count as made from what they were not made from",
                value="--touch",
                accepted="a build without it: content decides what runs again, and no date does",
                todo=f"see what would run: scribetune why; then {remembered.command(build=call)}",
            )
        others = running.at_work()
        if others or not running.hold_build():
            raise UserError(_left_over(others), todo="then start again")
        for path in receipts.set_aside(plan.to_repair.altered):
            log_once(f"What was altered is kept in {path}")
        jobs = list(workflow.dag.needrun_jobs())
        replaced.keep({job.rule.name for job in jobs})
        passwords.note(
            plan.documents, {job.wildcards_dict["shard"] for job in jobs if job.rule.name == passwords.RENDERING}
        )
        remembered.write(call)
        look_at_few_jobs(workflow)


def look_at_few_jobs(workflow: "Workflow") -> None:
    """Have a build on this machine choose its next job from a few of those that wait, when one has ended.

    Snakemake 9.27 looks at every file of every job that waits, and once more a second for each time it has looked:
    thousands of documents took more of its own time than of their jobs' (its issue 2967). What was asked for stays.
    """
    scheduler = workflow.scheduler
    if scheduler is None or not workflow.local_exec:  # elsewhere, more jobs run than this machine has cores
        return
    limit = scheduler.job_rate_limiter
    if limit is not None and (limit.max_jobs, limit.timespan) == _USUAL_RATE:
        scheduler.job_rate_limiter = None
    if scheduler.subsample is None:
        scheduler.subsample = max(_LEAST_LOOKED_AT, workflow.resource_settings.cores or 0)


def _left_over(processes: list[running.Process]) -> str:
    if not processes:
        return "Another build has just started in this folder: wait for it to end"
    words = ", ".join(process.words() for process in processes)
    if any(process.name == "build" for process in processes):
        return f"Another build is at work in this folder: {words}. Wait for it to end, or stop it (Ctrl-C there)"
    commands = [process.stop() for process in processes]
    kill = "kill " + " ".join(command.removeprefix("kill ") for command in commands if command.startswith("kill "))
    ways = "; ".join(dict.fromkeys(kill if command.startswith("kill ") else command for command in commands))
    return (
        f"The last build in this folder was killed, and its job goes on: {words}.\n"
        f"  Wait for it to end (its result is taken up), or stop it: {ways}"
    )


def finish(plan: Plan) -> None:
    """Say what a build used, refused and achieved, what it took, and what of earlier results is kept."""
    from scribetune.build import summary
    from scribetune.report import resources

    resources.write_page(Path(), plan.shards)
    if (Path(layout.REPORTS) / "documents.csv").exists():
        sys.stderr.write(summary.text(Path()))
    if plan.config.report.trackers and (Path(layout.REPORTS) / "metrics.json").exists():
        _track(plan.config.report.trackers)
    for copy in replaced.tidy(plan.config.results.keep_gb * _GIGABYTE):
        sys.stderr.write(f"removed    {copy.path}: more than results.keep_gb were kept\n")
    if kept := replaced.copies():
        size = sum(copy.bytes for copy in kept) / 1e6
        names = ", ".join(copy.path.name for copy in kept[-3:])
        sys.stderr.write(f"kept       {layout.REPLACED}: {names}{', …' if len(kept) > 3 else ''} ({size:.0f} MB; "
                         "`scribetune clean` removes what builds replaced)\n")  # fmt: skip


def _track(names: Sequence[str]) -> None:
    """Tell trackers of a finished build; where one cannot be told, say so: the build itself is whole."""
    from scribetune.report import tracking

    try:
        for line in tracking.publish(names):
            sys.stderr.write(f"tracked    {line}\n")
    except UserError as error:
        sys.stderr.write(f"\n{error}\n")
