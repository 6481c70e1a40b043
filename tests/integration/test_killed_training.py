"""A training that is killed, at any moment, goes on from its last whole checkpoint and ends with the same adapter."""

import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scribetune import training
from scribetune.core.files import sha256_file
from scribetune.models import adapters
from support import training_process
from support.training_pages import ANSWERS, TINY, write_split

_SEED = 5
_LONGEST_S = 300.0
_NAMES = (adapters.WEIGHTS, adapters.CONFIG, training.LOG_NAME)


@pytest.fixture(scope="module")
def processes() -> Any:
    """Processes that start with the libraries loaded, forked from a server that never computed anything."""
    os.environ["PYTHONPATH"] = os.pathsep.join([*sys.path, os.environ.get("PYTHONPATH", "")])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.training_process"])
    return context


@pytest.fixture(scope="module")
def reference(processes: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], float]:
    """Hashes of a training that nothing disturbed, and the seconds from its begin to its end."""
    folder = prepared(tmp_path_factory.mktemp("reference"))
    process, begun = start(processes, folder)
    began = time.monotonic()
    process.join(_LONGEST_S)
    assert begun and process.exitcode == 0
    return hashes(folder), time.monotonic() - began


def prepared(folder: Path) -> Path:
    write_split(folder, "train", ANSWERS)
    write_split(folder, "validation", ("7 kg", "8 t"))
    return folder


def start(processes: Any, folder: Path, *death: Any) -> tuple[Any, bool]:
    """Start a training; return its process and whether the training loop was reached."""
    event = processes.Event()
    process = processes.Process(target=training_process.run, args=(str(folder), str(TINY), event, *death))
    process.start()
    return process, event.wait(_LONGEST_S)


def hashes(folder: Path) -> list[str]:
    return [sha256_file(folder / "adapter" / name) for name in _NAMES]


def finish(processes: Any, folder: Path) -> list[str]:
    process, _ = start(processes, folder)
    process.join(_LONGEST_S)
    assert process.exitcode == 0
    assert not (folder / "checkpoints").exists()
    return hashes(folder)


def test_five_kills_at_random_moments_change_neither_adapter_nor_loss_curve(
    processes: Any, reference: tuple[list[str], float], tmp_path: Path
) -> None:
    wanted, duration_s = reference
    chance = random.Random(_SEED)
    folder = prepared(tmp_path)
    for _ in range(5):
        process, begun = start(processes, folder)
        assert begun
        # Short enough for several kills before the end: each process goes on where the one before it died.
        process.join(chance.uniform(0.0, 0.5 * duration_s))
        process.kill()
        process.join()
        if process.exitcode == 0:  # it was faster than the first: then it must be right already
            assert hashes(folder) == wanted
    assert finish(processes, folder) == wanted


def test_kills_at_the_worst_moments_change_nothing(
    processes: Any, reference: tuple[list[str], float], tmp_path: Path
) -> None:
    folder = prepared(tmp_path)
    # Half-way through a checkpoint's files, before its seal, before its name, while a validation page is read, and
    # after the last step but before the adapter is there; each goes on where the one before it died.
    for place, at_call in (("optimiser", 2), ("seal", 2), ("rename", 2), ("reading", 2), ("adapter", 1)):
        process, _ = start(processes, folder, place, at_call)
        process.join(_LONGEST_S)
        assert process.exitcode == -signal.SIGKILL
        partial = [path.name for path in (folder / "checkpoints").glob(".checkpoint-*.partial")]
        assert len(partial) == (place in ("optimiser", "seal", "rename"))
        assert not (folder / "adapter").exists()
    assert finish(processes, folder) == reference[0]
