"""Promises about how Snakemake chooses among the jobs that wait, in its own scheduler."""

import os
import subprocess
import sys
from pathlib import Path

from support.build import REPOSITORY

SNAKEFILE = """\
import threading
from scribetune.build import start

onstart: start.look_at_few_jobs(workflow)

def tell():
    looks = sum(isinstance(thread, threading.Timer) for thread in threading.enumerate())
    print("told", looks, workflow.scheduler.subsample, workflow.scheduler.job_rate_limiter is not None)

onsuccess: tell()

rule all:
    input: expand("{n}.txt", n=range(3))

rule one:
    output: "{n}.txt"
    shell: "touch {output}"
"""


def told(folder: Path, *words: str) -> str:
    (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *words]
    variables = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=True)
    return next(line for line in done.stdout.splitlines() if line.startswith("told"))


def test_the_next_job_is_chosen_among_a_few_and_nothing_looks_at_them_by_the_clock(tmp_path: Path) -> None:
    assert told(tmp_path) == "told 0 16 False"


def test_a_rate_or_a_number_that_was_asked_for_stays(tmp_path: Path) -> None:
    said = told(tmp_path, "--max-jobs-per-timespan", "50/1s", "--scheduler-subsample", "3").split()
    assert said[2:] == ["3", "True"]
