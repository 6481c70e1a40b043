"""The builds that the rows of the table of mutations start from, and what a row does to a copy of one."""

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from support import mutations
from support.mutations import NOTHING, UP_TO, Jobs, Mutation, build, interrupted, planned


@dataclass(frozen=True)
class FirstBuild:
    """A build that was interrupted twice before it was finished.

    Attributes:
        project: Its folder.
        planned: What a dry run said at the start, after Ctrl-C, after a kill, and at the end.
        done: Which jobs were done before Ctrl-C, and between it and the kill.
        ran: Which jobs ran after the kill.
        killed: What a dry run said of the kill.
    """

    project: Path
    planned: tuple[Jobs, Jobs, Jobs, Jobs]
    done: tuple[Jobs, Jobs]
    ran: Jobs
    killed: str


def make(project: Path) -> FirstBuild:
    """Build a project that is interrupted by Ctrl-C, then by kill -9, and then finished."""
    mutations.make_project(project)
    at_start = planned(project)
    before_interrupt = interrupted(project, "pages", after=1, signal=signal.SIGINT)
    after_interrupt = planned(project)
    before_kill = interrupted(project, "labels", after=1, signal=signal.SIGKILL)
    killed = mutations.snakemake(project, "labels", "--dry-run")
    after_kill = planned(project)
    ran = build(project)
    plans = (at_start, after_interrupt, after_kill, planned(project))
    return FirstBuild(project, plans, (before_interrupt, before_kill), ran, killed)


def copy(source: Path, target: Path) -> None:
    """Copy a folder with its times: a link would carry a mutation over to the other rows."""
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def check_row(mutation: Mutation, source: Path, scratch: Path) -> None:
    """Do what a row says to a copy of a project, below `scratch`, and compare what must run."""
    copy(source.parent, scratch)
    project = mutation.apply(scratch / source.name) or scratch / source.name
    assert planned(project) == mutation.jobs
    if mutation.builds:
        assert build(project, mutation.builds) == {job for job in mutation.jobs if job[0] in UP_TO[mutation.builds]}
        assert planned(project, mutation.builds) == NOTHING
