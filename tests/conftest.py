"""Shared fixtures: PDFs that the project makes itself, and the material of the workplace where it is there."""

import os
import pickle
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from xdist.scheduler import LoadScopeScheduling

from support import clone
from support.build import SMALL, snakemake

if TYPE_CHECKING:
    from support.first_build import FirstBuild

REPOSITORY = Path(__file__).resolve().parents[1]
# One thread: tests run side by side, and results must not depend on the number of cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Whoever signs commits does not sign those of tests.
os.environ |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "commit.gpgsign", "GIT_CONFIG_VALUE_0": "false"}

_LONGEST_FIRST = (
    "test_mutations.py", "test_serving.py", "test_dvc.py", "test_build.py", "test_sharded_training.py",
    "test_several_processes.py", "workflow", "integration", "browser", "pretraining", "conformance", "unit",
)  # fmt: skip
"""Modules and folders in the order in which several processes take their tests: what is left at the end is short.

One process has made the first build of the mutations, and the small build, when the next one asks for it.
"""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests in that order where several processes share them (`make test`)."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: min(_LONGEST_FIRST.index(part) for part in _parts(item) if part in _LONGEST_FIRST))


def _parts(item: pytest.Item) -> tuple[str, ...]:
    return item.path.relative_to(REPOSITORY).parts


class _ByFixtures(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no annotations
    """Hands out whole modules, so that their fixtures are made once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]


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


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> tuple[Path, Any]:
    """Return a folder that one of the processes makes while the others wait, and what `make` said of it.

    Nobody may change it. It lies in the temporary folder that all of them share, as pytest-xdist advises.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    said = folder.with_suffix(".pickle")
    with FileLock(folder.with_suffix(".lock")):
        if not said.exists():
            folder.mkdir()
            said.write_bytes(pickle.dumps(make(folder)))
        return folder, pickle.loads(said.read_bytes())  # noqa: S301  our own


@pytest.fixture(scope="session")
def small_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole build from the sample corpus, in a folder beside nothing: code and profile come from the repository.

    Each process has a copy of the one build, with its times: what tests do in it stays there.
    """

    def make(folder: Path) -> None:
        (folder / "mine.yaml").write_text(SMALL, encoding="utf-8")
        snakemake(folder)

    made, _ = _made_once(tmp_path_factory, "small-build-made", make)
    folder = tmp_path_factory.mktemp("small-build")
    shutil.copytree(made, folder, symlinks=True, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def first_build(tmp_path_factory: pytest.TempPathFactory) -> "FirstBuild":
    """The one whole build that the rows of the table of mutations start from."""
    from support import first_build as builds  # loads torch, for the model

    if not clone.is_possible():
        pytest.skip("not a git checkout, so there is nothing to clone")
    _, made = _made_once(tmp_path_factory, "mutations", lambda folder: builds.make(folder / "project"))
    assert isinstance(made, builds.FirstBuild)
    return made


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A folder that is removed afterwards: there are many copies."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.fixture
def in_a_minute() -> Iterator[None]:
    """End a test that waits for ever."""

    def give_up(*_: object) -> None:
        raise TimeoutError("it waited for something that never comes")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def _called_from_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workflow that an earlier test read within this process has noted where its caller was."""
    monkeypatch.delenv("SCRIBETUNE_CALLED_FROM", raising=False)
