"""The rows of the table of mutations that start from a build recorded with git and DVC; see test_mutations.py."""

from pathlib import Path

import pytest

from support import mutations
from support.first_build import FirstBuild, check_row, copy
from support.mutations import MUTATIONS, Mutation

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared_build(first_build: FirstBuild, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first build, recorded with git and DVC and pushed, with a colleague's beside it."""
    root = tmp_path_factory.mktemp("shared")
    copy(first_build.project.parent, root)
    mutations.share(root / "project")
    return root / "project"


@pytest.mark.parametrize(
    "mutation", [mutation for mutation in MUTATIONS if mutation.start == "shared"], ids=lambda mutation: mutation.name
)
def test_what_changed_re_runs_and_nothing_else_does(mutation: Mutation, shared_build: Path, scratch: Path) -> None:
    check_row(mutation, shared_build, scratch)
