"""Promises about who is seen at work: the build and its jobs, for as long as their processes live and no longer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scribetune.core.package import PACKAGE_FOLDER
from scribetune.record import running

_HOLD = """
import sys, time
from pathlib import Path

import pytest
from scribetune.record import running
folder = Path(sys.argv[1])
{call}
print("ready", flush=True)
time.sleep(60)
"""


def holder(folder: Path, call: str) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(PACKAGE_FOLDER.parent)}
    command = [sys.executable, "-c", _HOLD.format(call=call), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_a_job_is_seen_until_it_is_killed(tmp_path: Path) -> None:
    process = holder(tmp_path, "lock = running.job('render_pages/000-of-001', folder); lock.__enter__()")
    (found,) = running.at_work(tmp_path)
    assert (found.name, found.pid) == ("render_pages/000-of-001", process.pid)
    assert found.words().startswith(f"render_pages/000-of-001 (process {process.pid}, since ")
    process.kill()
    process.wait()
    assert running.at_work(tmp_path) == []


def test_there_is_one_build_at_a_time(tmp_path: Path) -> None:
    process = holder(tmp_path, "assert running.hold_build(folder)")
    assert not running.hold_build(tmp_path)
    assert [found.name for found in running.at_work(tmp_path)] == ["build"]
    process.kill()
    process.wait()
    assert running.hold_build(tmp_path)
    assert running.at_work(tmp_path) == [], "this process is not in its own way"


def test_whoever_reads_the_workflow_knows_whether_another_one_does(tmp_path: Path) -> None:
    process = holder(tmp_path, "assert running.read_workflow(folder)")
    assert not running.read_workflow(tmp_path)
    process.kill()
    process.wait()


def test_jobs_that_ended_leave_nothing(tmp_path: Path) -> None:
    process = holder(tmp_path, "running.hold_job(folder)")
    assert [found.name for found in running.at_work(tmp_path)] == ["a job"]
    process.kill()
    process.wait()
    assert running.at_work(tmp_path) == []
    assert list((tmp_path / running.FOLDER).glob("job-*")) == []


def test_a_job_on_a_cluster_is_stopped_by_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    process = holder(tmp_path, "lock = running.job('train_adapter', folder); lock.__enter__()")
    (found,) = running.at_work(tmp_path)
    assert found.words().startswith("train_adapter (Slurm job 42, since ")
    assert found.stop() == "scancel 42"
    process.kill()
    process.wait()
    assert running.Process("train_adapter", 7, 0.0).stop() == "kill 7"
