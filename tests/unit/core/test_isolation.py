"""Promises about worker processes: a hang, a crash or an error costs its own task and nothing else."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scribetune.core import isolation, package
from support import worker_tasks


def ends(pid: str, within_s: float = 20.0) -> bool:
    """Whether a killed process ends: a signal is sent at once, but a busy machine takes it up later."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():  # ended, and nobody has asked for it yet
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.slow
def test_each_outcome_is_told_apart_and_the_others_go_on() -> None:
    tasks = [
        isolation.Task(worker_tasks.echo, (1,), 30.0),
        isolation.Task(worker_tasks.burn, (), 0.5),
        isolation.Task(worker_tasks.crash, (), 30.0),
        isolation.Task(worker_tasks.fail, (), 30.0),
        isolation.Task(worker_tasks.echo, (2,), 30.0),
    ]
    with isolation.Workers(2) as started:
        outcomes = list(started.run(tasks))
    assert [outcome.failure for outcome in outcomes] == ["", "timed_out", "crashed", "error", ""]
    assert [outcomes[0].value, outcomes[4].value] == [1, 2]
    assert "0.5 s of processor time" in outcomes[1].message
    assert "exit code 11" in outcomes[2].message
    assert "ValueError: bad page" in outcomes[3].message


@pytest.mark.slow
@pytest.mark.parametrize("endless", [worker_tasks.burn, worker_tasks.burn_in_a_child])
def test_an_endless_step_is_stopped_after_its_processor_time(endless: Callable[[], None]) -> None:
    with isolation.Workers(1) as workers:
        (outcome,) = workers.run([isolation.Task(endless, (), 0.5)])
    assert outcome.failure == "timed_out"
    assert outcome.message == "took longer than 0.5 s of processor time and was given up"


@pytest.mark.slow
def test_a_hang_that_uses_no_processor_time_is_stopped_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "HANG_FACTOR", 2)
    began = time.monotonic()
    with isolation.Workers(1) as workers:
        (outcome,) = workers.run([isolation.Task(worker_tasks.hang, (), 0.5)])
    assert outcome.failure == "timed_out"
    assert outcome.message == "did nothing for 1 s and was given up"
    assert time.monotonic() - began > 1.0


@pytest.mark.slow
def test_programs_of_a_worker_that_is_killed_end_with_it(tmp_path: Path) -> None:
    told = tmp_path / "processes"
    with isolation.Workers(1) as started:
        (outcome,) = started.run([isolation.Task(worker_tasks.burn_beside_a_program_of_a_program, (told,), 0.5)])
    assert outcome.failure == "timed_out"
    for pid in told.read_text().split():
        assert ends(pid), f"process {pid} outlived its worker"


def test_what_waits_for_a_busy_machine_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels must not depend on what else the machine does."""
    monkeypatch.setattr(isolation, "HANG_FACTOR", 2)
    with isolation.Workers(1) as workers:
        (outcome,) = workers.run([isolation.Task(worker_tasks.pause_and_burn, (3.0,), 1.0)])
    assert (outcome.failure, outcome.value) == ("", 0.2)


def test_no_tasks_start_no_process(tmp_path: Path) -> None:
    with isolation.Workers(4) as started:
        assert list(started.run([])) == []


def test_a_worker_does_not_import_the_program_that_started_it(tmp_path: Path) -> None:
    """A rule's script loads Snakemake and pandas: each worker would load them too."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\nfrom scribetune.core import isolation\nprint('imported', flush=True)\n"
        "if __name__ == '__main__':\n"
        "    with isolation.Workers(2) as started:\n"
        "        print([o.value for o in started.run([isolation.Task(os.getcwd, (), 30.0)] * 2)])\n"
        "    print(__file__ == sys.modules['__main__'].__file__)\n",
        encoding="utf-8",
    )
    here = os.environ | {"PYTHONPATH": str(package.PACKAGE_FOLDER.parent)}
    command = [sys.executable, str(program)]
    done = subprocess.run(command, cwd=tmp_path, env=here, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["imported", str([str(tmp_path)] * 2), "True"]


@pytest.mark.slow
def test_a_step_that_hangs_or_crashes_costs_that_step_alone() -> None:
    with isolation.Workers(2) as workers:
        (lost, whole) = workers.run_steps(
            [
                isolation.Task(worker_tasks.count_to, (7,), 0.5),
                isolation.Task(worker_tasks.count_to, (2,), 0.5, weight=9),
            ]
        )
    assert [outcome.value for outcome in lost] == [0, 1, None, 3, None, 5, 6]
    assert [outcome.failure for outcome in lost if outcome.failure] == ["timed_out", "crashed"]
    assert "SIGSEGV" in lost[4].message
    assert [outcome.value for outcome in whole] == [0, 1]


@pytest.mark.slow
def test_a_task_is_told_when_it_ends_though_those_before_it_go_on() -> None:
    ended: list[int] = []
    with isolation.Workers(1) as workers:
        tasks = [isolation.Task(worker_tasks.count_to, (1,), 30.0, weight=weight) for weight in (1, 3, 2)]
        outcomes = list(workers.run_steps(tasks, ended=ended.append))
    assert ended == [1, 2, 0]
    assert [steps[0].value for steps in outcomes] == [0, 0, 0]


@pytest.mark.slow
def test_memory_above_the_limit_is_refused_and_costs_that_step_alone() -> None:
    with isolation.Workers(1, memory_mb=300) as workers:
        (steps,) = workers.run_steps([isolation.Task(worker_tasks.swell, (3,), 30.0)])
    assert [outcome.value for outcome in steps] == [0, None, 2]
    assert steps[1].failure == "too_large"
    assert "documents.memory_mb" in steps[1].message


@pytest.mark.slow
def test_what_fails_at_every_step_is_given_up() -> None:
    with isolation.Workers(1) as workers:
        (steps,) = workers.run_steps([isolation.Task(worker_tasks.stumble, (), 30.0)])
    assert [outcome.failure for outcome in steps] == ["", *["error"] * isolation.GIVE_UP_AFTER]


@pytest.mark.slow
def test_a_worker_that_earlier_documents_left_swollen_is_replaced() -> None:
    """Four times forty per cent would be more than there is."""
    with isolation.Workers(1, memory_mb=300) as workers:
        outcomes = list(workers.run([isolation.Task(worker_tasks.forty_percent, (), 30.0)] * 4))
    assert [outcome.failure for outcome in outcomes] == [""] * 4


@pytest.mark.slow
def test_workers_are_used_again_and_none_is_left_behind() -> None:
    with isolation.Workers(1) as workers:
        numbers = {outcome.value for outcome in workers.run([isolation.Task(os.getpid, (), 30.0)] * 5)}
    assert len(numbers) == 1
    assert os.getpid() not in numbers
    assert not Path(f"/proc/{numbers.pop()}").exists()


@pytest.mark.slow
def test_heavy_tasks_start_first_and_outcomes_keep_their_order() -> None:
    tasks = [isolation.Task(time.monotonic_ns, (), 30.0, weight=weight) for weight in (1, 5, 3)]
    with isolation.Workers(1) as workers:
        first, heavy, middle = (outcome.value for outcome in workers.run(tasks))
    assert heavy < middle < first
