"""The promise of the project: what changed re-runs, and nothing else does; the table is in support/mutations.py.

Its rows that need git and DVC are in test_shared_mutations.py.
"""

from pathlib import Path

import pytest

from support import mutations
from support.first_build import FirstBuild, check_row
from support.mutations import EVERYTHING, MUTATIONS, NOTHING, Mutation

pytestmark = pytest.mark.slow


def test_a_build_from_nothing_runs_every_job_once(first_build: FirstBuild) -> None:
    assert first_build.planned[0] == EVERYTHING
    parts = (*first_build.done, first_build.ran)
    assert frozenset().union(*parts) == EVERYTHING
    assert first_build.planned[3] == NOTHING


def test_after_ctrl_c_a_build_goes_on_where_it_stopped(first_build: FirstBuild) -> None:
    assert len(first_build.done[0]) == 1
    assert first_build.planned[1] == EVERYTHING - first_build.done[0]


def test_after_a_kill_a_build_goes_on_where_it_stopped_and_nobody_has_to_unlock_it(first_build: FirstBuild) -> None:
    assert "The last build in this folder was killed; this one goes on from there." in first_build.killed
    assert first_build.done[1]
    assert first_build.planned[2] == EVERYTHING - first_build.done[0] - first_build.done[1]
    assert first_build.ran == first_build.planned[2]


@pytest.mark.parametrize(
    "mutation", [mutation for mutation in MUTATIONS if mutation.start == "build"], ids=lambda mutation: mutation.name
)
def test_what_changed_re_runs_and_nothing_else_does(mutation: Mutation, first_build: FirstBuild, scratch: Path) -> None:
    check_row(mutation, first_build.project, scratch)


def test_the_documentation_shows_the_table() -> None:
    text = mutations.PAGE.read_text(encoding="utf-8")
    assert text == mutations.page_with_table(text), "run: PYTHONPATH=tests:pretraining python -m support.mutations"
    names = [mutation.name for mutation in MUTATIONS]
    assert len(names) == len(set(names)) >= 25
    assert {mutation.start for mutation in MUTATIONS} == {"build", "shared"}, "each start has its module"
