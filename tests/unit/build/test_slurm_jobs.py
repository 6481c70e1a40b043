"""Promises about a failed job of a cluster: what became of it, and what to do, in a few lines."""

import sys
from pathlib import Path

import pytest

from scribetune.build import slurm_jobs

MESSAGE = "SLURM-job '42' failed, SLURM status is: 'STATUS'. Detailed failure reason unavailable."


def lines(status: str, *logs: Path) -> list[str]:
    failure = slurm_jobs.failure(MESSAGE.replace("STATUS", status), [str(log) for log in logs])
    assert failure is not None
    return failure.lines()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("CANCELLED", "Slurm job 42 was cancelled"),
        ("OUT_OF_MEMORY", "--set-resources RULE:mem_mb=N"),
        ("TIMEOUT", "a training goes on from its checkpoint"),
        ("FAILED", "Slurm job 42 ended as FAILED"),
    ],
)
def test_what_slurm_did_is_told_in_words(status: str, words: str) -> None:
    assert words in lines(status)[0]


def test_a_mistake_that_the_script_told_on_its_node_is_told_here(tmp_path: Path) -> None:
    log = tmp_path / "label_pages.log"
    log.write_text(
        "2026-11-30 07:00:01,000 INFO scribetune: rule label_pages\n"
        "2026-11-30 07:00:02,000 ERROR scribetune: The disk is full\n  What to do: make room\n"
    )
    assert lines("FAILED", log, tmp_path / "missing.log")[1:] == ["    The disk is full", "      What to do: make room"]


def test_a_node_without_the_environment_is_named_as_that(tmp_path: Path) -> None:
    log = tmp_path / "1.log"
    log.write_text("/var/spool/job1/slurm_script: line 4: /env/bin/python: No such file or directory\n")
    told = "\n".join(lines("FAILED", log))
    assert "/env/bin/python: No such file or directory" in told
    assert f"the environment of this build is not on the node: it is looked for in {sys.executable}" in told
    log.write_text("Building DAG of jobs...\ncp: data/raw/a.pdf: No such file or directory\n")
    assert "environment" not in "\n".join(lines("FAILED", log))


def test_a_message_of_another_executor_is_none_of_it() -> None:
    assert slurm_jobs.failure(None, []) is None
    assert slurm_jobs.failure("Command exited with 1", []) is None
