"""A training that two processes share is the training of one: same losses, same adapter; and they end together."""

import logging
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from safetensors.torch import load_file

from scribetune import training
from scribetune.core.errors import UserError
from scribetune.core.files import sha256_file
from scribetune.models import adapters, processes
from support import forked_jobs, shared_training, shared_work
from support.training_pages import ANSWERS, TINY, settings, write_split

_LONGEST_S = 300.0
_SEVEN = (*ANSWERS, "long " * 12)
"""With an effective batch of six one page is left for the last step: one of two processes has none."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_split(folder, "train", _SEVEN)
    write_split(folder, "validation", ("7 kg", "8 t", "9 m"))
    return folder


def train(folder: Path, name: str, number: int, **values: Any) -> training.TrainingResult:
    work = training.WorkFolders(folder / f"{name}-checkpoints", folder / "vision")
    splits = (folder / "train.jsonl", folder / "validation.jsonl")
    return training.train(settings(**values), str(TINY), *splits, folder / name, work, processes=number)


def assert_alike(folder: Path, first: str, second: str) -> None:
    """Same log in every figure, and same adapter, within the tolerance of float32 sums in another order."""
    tables = [(folder / name / training.LOG_NAME).read_text(encoding="utf-8").splitlines() for name in (first, second)]
    assert tables[0][0] == tables[1][0] and len(tables[0]) == len(tables[1])
    for rows in zip(tables[0][1:], tables[1][1:], strict=True):
        one, other = ([float(cell or "nan") for cell in row.split(",")] for row in rows)
        assert one == pytest.approx(other, rel=1e-4, nan_ok=True)
    weights = [load_file(folder / name / adapters.WEIGHTS) for name in (first, second)]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        # AdamW turns a gradient near zero, whatever its sign, into a whole step of the learning rate.
        assert (tensor - weights[1][name]).abs().mean() < 1e-4


def test_two_processes_train_as_one_and_a_killed_one_is_no_loss(data: Path) -> None:
    exact: dict[str, Any] = {
        "effective_batch": 4,
        "dropout": 0.1,
        "checkpoints_steps": 1,
        "epochs": 4,
        "validation_pages": 2,
    }
    before = set(psutil.Process().children())  # workers that other tests keep
    with ThreadPoolExecutor(1) as other:
        training_of_two = other.submit(train, data, "exact", 2, **exact)
        until((data / "exact-checkpoints" / "checkpoint-2").is_dir)
        max(set(psutil.Process().children()) - before, key=lambda process: process.pid).kill()
        with pytest.raises(UserError, match=r"Process \d of 2 was ended from outside; the signal is: 'SIGKILL'"):
            training_of_two.result(_LONGEST_S)
    assert set(psutil.Process().children()) <= before
    cases: dict[str, dict[str, Any]] = {
        "exact": exact,
        "undisturbed": exact,
        "alike": {"effective_batch": 6, "validation_pages": 3},
        "memory": {"effective_batch": 4, "micro_batch": 2, "epochs": 2, "validation_pages": 0},
        "experts": {"effective_batch": 4, "scope": "experts", "epochs": 1, "validation_pages": 0},
    }
    with forked_jobs.launching():  # the processes above were started as users' are
        made = processes.launch(2, shared_training.several_trainings, str(data), cases)

    # Goes on from where it was killed, with every process's own random numbers: the same to the last bit.
    assert made["exact"].resumed_from >= 2 and made["undisturbed"].resumed_from == 0
    for name in (adapters.WEIGHTS, training.LOG_NAME):
        assert sha256_file(data / "exact" / name) == sha256_file(data / "undisturbed" / name)
    # What two log and learn is what one logs and learns; also where one of them runs out of memory, does its part
    # again, and both go on with a smaller micro batch; and where some experts get no token.
    for name in ("alike", "memory", "experts"):
        alone = train(data, f"{name}-alone", 1, **cases[name])
        assert_alike(data, name, f"{name}-alone")
        assert (alone.processes, made[name].processes) == (1, 2)
        assert (alone.steps, alone.kept_step) == (made[name].steps, made[name].kept_step)
    assert made["alike"].validation_cer is not None
    assert made["memory"].micro_batch == 1 and len(made["memory"].memory_events) == 1


def test_processes_agree_and_what_all_of_them_say_is_shown_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        found = processes.launch(2, shared_work.agree, "word")
    assert found == [["word 0", "word 1"], "of 0", [[0.5] * 3, [[5.0, 5.0], [5.0, 5.0]]]]
    said = sorted(record.getMessage() for record in caplog.records if record.name == "shared")
    assert said == ["said by 0", "said by 1", "said by all", "told by 0"]


def test_a_refusal_in_one_process_is_the_callers_and_ends_the_others_soon() -> None:
    began = time.monotonic()
    with pytest.raises(UserError, match="A page is too long: 12\n  Accepted: 10\n  What to do: shorten it") as refused:
        processes.launch(2, shared_work.refuse)
    assert refused.value.todo == "shorten it"
    assert time.monotonic() - began < _LONGEST_S


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_its_caller(tmp_path: Path, number: signal.Signals) -> None:
    code = (  # it heeds interrupts, also where a shell has started these tests in the background, deaf to them
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from support import shared_work; from scribetune.models import processes; "
        f"processes.launch(2, shared_work.wait_long, {str(tmp_path)!r})"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL) as caller:
        until(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        started = [int(path.read_text(encoding="ascii") or 0) for path in tmp_path.glob("*.pid")]
        caller.send_signal(number)
        caller.wait(_LONGEST_S)
    until(lambda: not any(is_running(process) for process in started))


def until(reached: Any) -> None:
    ends = time.monotonic() + _LONGEST_S
    while not reached():
        assert time.monotonic() < ends
        time.sleep(0.05)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
