"""Promises about calling the build: `snakemake` alone works, `scribetune build` is the same, and mistakes are words."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.build import REPOSITORY

RETENTION = "data/retention/pages.jsonl"
SNAKEMAKE = (sys.executable, "-m", "snakemake")
SCRIBETUNE = (sys.executable, "-c", "from scribetune.cli import app; app()", "build")


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "OMP_NUM_THREADS": "1"}


def run(*command: str, folder: Path = REPOSITORY, status: int = 0) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def offered(output: str) -> str:
    """Return the GPUs that the training is planned with."""
    found = re.search(r"^rule train_adapter:\n(?:.+\n)*? +resources: .*\bgpu=(\d+)", output, flags=re.MULTILINE)
    assert found is not None, output
    return found[1]


@pytest.mark.slow
def test_snakemake_alone_builds_and_flags_overrule_the_profile(tmp_path: Path) -> None:
    few = ("--config", "retention={count: 1}")
    made = run(*SNAKEMAKE, RETENTION, "-p", "--directory", str(tmp_path), *few)
    assert "Provided cores: 1" in made
    assert (tmp_path / RETENTION).exists()
    planned = run(*SNAKEMAKE, "-n", "-p", "--directory", str(tmp_path))
    assert offered(planned) == "1"
    planned = run(*SNAKEMAKE, "-n", "-p", "--cores", "8", "--resources", "gpu=2", "--directory", str(tmp_path))
    assert offered(planned) == "2"
    assert re.search(r"^rule label_pages:\n(?:.+\n)*? +threads: 8$", planned, flags=re.MULTILINE)


@pytest.mark.slow
def test_scribetune_build_prints_a_command_that_does_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "my build"
    said = run(*SCRIBETUNE, RETENTION, "--set", "retention.count=1", "--folder", str(folder), folder=tmp_path)
    assert (folder / RETENTION).exists()
    printed = said.splitlines()[0]
    assert printed.startswith("snakemake data/retention/pages.jsonl --snakefile ")
    again = run("bash", "-c", printed.replace("snakemake", f"{sys.executable} -m snakemake", 1), folder=tmp_path)
    assert "Nothing to be done" in again


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "train.epoch=5"), "unknown key 'train.epoch'. Did you mean 'epochs'?"),
        (("--set", "train.epochs=many"), "train.epochs = 'many'"),
        (("--raw", "empty"), "No PDF or image below documents.raw"),
    ],
)
def test_what_the_workflow_refuses_is_told_without_a_traceback(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    output = run(*SCRIBETUNE, "--dry-run", *arguments, folder=tmp_path, status=1)
    assert said in output and "Traceback" not in output


_HEEDS_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
"""Tests may run in the background, whose programs are deaf to SIGINT."""


@pytest.mark.slow
def test_ctrl_c_ends_the_build_and_leaves_no_lock(tmp_path: Path) -> None:
    command = (sys.executable, "-c", _HEEDS_INTERRUPTS + SCRIBETUNE[2], "build", "pages")
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment(), stdout=said, stderr=said, start_new_session=True
        )
    begun = tmp_path / "logs/make_samples.log"
    deadline = time.monotonic() + 120
    while not begun.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() is None, "it ended before it could be interrupted"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
    assert process.wait(timeout=60) != 0
    output = (tmp_path / "said").read_text(encoding="utf-8")
    assert "Terminating processes on user request" in output and "Traceback" not in output
    assert not list((tmp_path / ".snakemake").glob("locks/*"))
