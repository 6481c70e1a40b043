"""Shared fixtures: PDFs that the project makes itself, and the material of the workplace where it is there."""

import os
from pathlib import Path

import pytest

from support.build import SMALL, snakemake

REPOSITORY = Path(__file__).resolve().parents[1]
# One thread: tests run side by side, and results must not depend on the number of cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_LONGEST_FIRST = ("workflow", "integration", "browser", "unit", "conformance")
"""Folders in the order in which several processes take their tests: what is left at the end is short."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say what must stay in one process where several share the tests (`make test`: --dist loadgroup).

    A module's fixtures are made once, and so is the build that modules share: a folder that only one may build in.
    """
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        shares_build = "small_build" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("small_build" if shares_build else item.path.stem))
    items.sort(key=lambda item: _LONGEST_FIRST.index(item.path.relative_to(REPOSITORY / "tests").parts[0]))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of conformance material beside the repository; a user does not have it."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no conformance material at {folder}")
    return folder


@pytest.fixture(scope="session")
def small_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole build from the sample corpus, in a folder beside nothing: code and profile come from the repository."""
    folder = tmp_path_factory.mktemp("small-build")
    (folder / "mine.yaml").write_text(SMALL, encoding="utf-8")
    snakemake(folder)
    return folder
