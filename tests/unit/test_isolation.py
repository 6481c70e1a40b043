"""Promises about worker processes: a hang, a crash or an error costs its own task and nothing else."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scribetune import isolation


def echo(value: int) -> int:
    return value


def hang() -> None:
    time.sleep(60)


def crash() -> None:
    os._exit(11)


def fail() -> None:
    raise ValueError("bad page")


@pytest.mark.slow
def test_each_outcome_is_told_apart_and_the_others_go_on() -> None:
    tasks = [
        isolation.Task(echo, (1,), 30.0),
        isolation.Task(hang, (), 0.5),
        isolation.Task(crash, (), 30.0),
        isolation.Task(fail, (), 30.0),
        isolation.Task(echo, (2,), 30.0),
    ]
    outcomes = list(isolation.run(tasks, workers=2))
    assert [outcome.failure for outcome in outcomes] == ["", "timed_out", "crashed", "error", ""]
    assert [outcomes[0].value, outcomes[4].value] == [1, 2]
    assert "0.5 s" in outcomes[1].message
    assert "exit code 11" in outcomes[2].message
    assert "ValueError: bad page" in outcomes[3].message


def test_no_tasks_start_no_process(tmp_path: Path) -> None:
    assert list(isolation.run([], workers=4)) == []


def test_a_worker_does_not_import_the_program_that_started_it(tmp_path: Path) -> None:
    """A rule's script loads Snakemake and pandas: each worker would load them too."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\nfrom scribetune import isolation\nprint('imported', flush=True)\n"
        "if __name__ == '__main__':\n"
        "    print([o.value for o in isolation.run([isolation.Task(os.getcwd, (), 30.0)] * 2, workers=2)])\n"
        "    print(__file__ == sys.modules['__main__'].__file__)\n",
        encoding="utf-8",
    )
    here = os.environ | {"PYTHONPATH": str(Path(isolation.__file__).parents[1])}
    command = [sys.executable, str(program)]
    done = subprocess.run(command, cwd=tmp_path, env=here, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["imported", str([str(tmp_path)] * 2), "True"]
