"""Promises about worker processes: a hang, a crash or an error costs its own task and nothing else."""

import os
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
