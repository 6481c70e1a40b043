"""The promise of the project: what changed re-runs, and nothing else does; the table is in support/mutations.py."""

import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import clone, mutations
from support.mutations import EVERYTHING, MUTATIONS, NOTHING, UP_TO, Jobs, Mutation, build, interrupted, planned

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class FirstBuild:
    """A build that was interrupted twice before it was finished.

    Attributes:
        project: Its folder.
        planned: What a dry run said at the start, after Ctrl-C, after a kill, and at the end.
        done: Which jobs were done before Ctrl-C, and between it and the kill.
        ran: Which jobs ran after the kill.
        locked: What Snakemake said after the kill, before it was unlocked.
    """

    project: Path
    planned: tuple[Jobs, Jobs, Jobs, Jobs]
    done: tuple[Jobs, Jobs]
    ran: Jobs
    locked: str


@pytest.fixture(scope="module")
def first_build(tmp_path_factory: pytest.TempPathFactory) -> FirstBuild:
    """The one whole build that all rows start from: interrupted by Ctrl-C, then by kill -9, then finished."""
    if not clone.is_possible():
        pytest.skip("not a git checkout, so there is nothing to clone")
    project = tmp_path_factory.mktemp("mutations") / "project"
    mutations.make_project(project)
    at_start = planned(project)
    before_interrupt = interrupted(project, "pages", after=1, signal=signal.SIGINT)
    after_interrupt = planned(project)
    before_kill = interrupted(project, "labels", after=1, signal=signal.SIGKILL)
    locked = mutations.snakemake(project, "labels", fails=True)
    clone.run(project, "snakemake", "--unlock")
    after_kill = planned(project)
    ran = build(project)
    plans = (at_start, after_interrupt, after_kill, planned(project))
    return FirstBuild(project, plans, (before_interrupt, before_kill), ran, locked)


@pytest.fixture(scope="module")
def shared_build(first_build: FirstBuild, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same build, recorded with git and DVC and pushed, with a colleague's beside it."""
    root = tmp_path_factory.mktemp("shared")
    _copy(first_build.project.parent, root)
    mutations.share(root / "project")
    return root / "project"


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A folder that is removed afterwards: there are many copies."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def _copy(source: Path, target: Path) -> None:
    # Real copies with their times: a link would carry the mutation over to the other rows.
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def test_a_build_from_nothing_runs_every_job_once(first_build: FirstBuild) -> None:
    assert first_build.planned[0] == EVERYTHING
    parts = (*first_build.done, first_build.ran)
    assert frozenset().union(*parts) == EVERYTHING
    assert first_build.planned[3] == NOTHING


def test_after_ctrl_c_a_build_goes_on_where_it_stopped(first_build: FirstBuild) -> None:
    assert len(first_build.done[0]) == 1
    assert first_build.planned[1] == EVERYTHING - first_build.done[0]


def test_after_a_kill_snakemake_says_how_to_go_on_and_then_goes_on_where_it_stopped(first_build: FirstBuild) -> None:
    assert "--unlock" in first_build.locked
    assert first_build.done[1]
    assert first_build.planned[2] == EVERYTHING - first_build.done[0] - first_build.done[1]
    assert first_build.ran == first_build.planned[2]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_what_changed_re_runs_and_nothing_else_does(
    mutation: Mutation, request: pytest.FixtureRequest, scratch: Path
) -> None:
    if mutation.start == "shared":
        source: Path = request.getfixturevalue("shared_build")
    else:
        source = request.getfixturevalue("first_build").project
    _copy(source.parent, scratch)
    project = mutation.apply(scratch / source.name) or scratch / source.name
    assert planned(project) == mutation.jobs
    if mutation.builds:
        assert build(project, mutation.builds) == {job for job in mutation.jobs if job[0] in UP_TO[mutation.builds]}
        assert planned(project, mutation.builds) == NOTHING


def test_the_documentation_shows_the_table() -> None:
    text = mutations.PAGE.read_text(encoding="utf-8")
    assert text == mutations.page_with_table(text), "run: PYTHONPATH=tests:pretraining python -m support.mutations"
    names = [mutation.name for mutation in MUTATIONS]
    assert len(names) == len(set(names)) >= 25
