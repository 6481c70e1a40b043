"""Shared fixtures: PDFs that the project makes itself, and the material of the workplace where it is there."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from support.build import SMALL, snakemake

REPOSITORY = Path(__file__).resolve().parents[1]
# One thread: tests run side by side, and results must not depend on the number of cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Whoever signs commits does not sign those of tests.
os.environ |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "commit.gpgsign", "GIT_CONFIG_VALUE_0": "false"}

_LONGEST_FIRST = ("workflow", "integration", "browser", "pretraining", "unit", "conformance")
"""Folders in the order in which several processes take their tests: what is left at the end is short."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests in that order where several processes share them (`make test`)."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: next(_LONGEST_FIRST.index(part) for part in _parts(item) if part in _LONGEST_FIRST))


def _parts(item: pytest.Item) -> tuple[str, ...]:
    return item.path.relative_to(REPOSITORY).parts


class _ByFixtures(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no annotations
    """Hands out whole modules, so that their fixtures are made once.

    The modules that share a build go to one process: it is made once, and only one may build in its folder.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid.partition("::")[0])


@cache
def _scope(module: str) -> str:
    return "small_build" if "small_build" in (REPOSITORY / module).read_text(encoding="utf-8") else module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Share the tests by modules, in the order of collection and not by the number of tests in a module."""
    config.option.loadscopereorder = False
    return _ByFixtures(config, log)


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
