"""Promises about what is around a job: a full disk is one message with path, need and room, and costs nothing else."""

import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scribetune.build import refusals
from scribetune.core import files, isolation
from scribetune.core.disk_space import FULL, full_disk
from scribetune.core.errors import DiskFullError
from scribetune.documents import inputs, rendering
from scribetune.record import jobs
from support import pdf_factory, small_disk

needs_a_disk = pytest.mark.skipif(bool(small_disk.why_not()), reason=small_disk.why_not() or "a disk can be mounted")


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    monkeypatch.chdir(tmp_path)
    before = logging.raiseExceptions
    yield SimpleNamespace(rule="render_pages", log=["logs/job.log"], output=[], wildcards={})
    logging.raiseExceptions = before
    logging.basicConfig(force=True)


def no_room(number: int = errno.ENOSPC, name: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), name) if name else OSError(number, os.strerror(number))


def hidden() -> None:
    try:
        raise no_room(name="data/labels/a/p0001.md")
    except OSError as error:
        raise RuntimeError("file write failed") from error


def in_words() -> None:
    raise ValueError("I/O error: No space left on device (os error 28)")


def plainly() -> None:
    raise no_room(name="data/labels/a/p0001.md")


@pytest.mark.parametrize("fails", [plainly, hidden, in_words])
def test_a_full_disk_is_one_message_with_path_and_room(
    job: SimpleNamespace, capsys: pytest.CaptureFixture[str], fails: Callable[[], None]
) -> None:
    with pytest.raises(SystemExit) as ended, jobs.rule_job(job):
        fails()
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert "render_pages: The disk is full" in told
    assert "bytes" in told
    assert "What to do: free some space" in told
    assert "Traceback" not in told
    assert told.count("The disk is full") == 1
    if fails is not in_words:
        assert "data/labels/a/p0001.md" in told


def test_what_else_fails_is_not_called_a_full_disk(job: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), jobs.rule_job(job):
        raise OSError(errno.EIO, "Input/output error", "x")
    assert "The traceback is in logs/job.log" in capsys.readouterr().err


@pytest.mark.parametrize("number", sorted(FULL))
def test_a_file_that_does_not_fit_says_what_it_needs_and_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    files.write_text(tmp_path / "label.md", "as it was")

    def full(*_: Any) -> None:
        raise no_room(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match=r"label.md(?s:.*)Accepted: 12,345 bytes; free are [\d,]+ bytes"):
        files.write_text(tmp_path / "label.md", "x" * 12345)
    assert (tmp_path / "label.md").read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["label.md"]


@needs_a_disk
def test_a_build_on_a_full_disk_is_refused_before_snakemake_fails_at_it(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    code = "from pathlib import Path; from scribetune.core.disk_space import require_some; require_some(Path())"
    fill = "head -c 9000000 /dev/zero > filler 2> /dev/null"
    command = f'{sys.executable} -c "{code}"'
    done = small_disk.run(tmp_path / "disk", "4m", f"{command} && echo begins; {fill}; {command} || echo refused")
    assert done.stdout.split() == ["begins", "refused"]
    assert "free are 0 bytes" in done.stderr


def test_a_plan_that_cannot_be_written_ends_with_the_message() -> None:
    with pytest.raises(SystemExit, match=r"(?s)The disk is full.*free some space"), refusals.refusals():
        raise no_room(name="work/inputs/000-of-001.json")


def test_a_full_disk_in_a_worker_ends_the_job_instead_of_becoming_the_documents_fault() -> None:
    with isolation.Workers(1) as workers, pytest.raises(DiskFullError, match=r"p0001.png(?s:.*)7 bytes"):
        list(workers.run([isolation.Task(small_disk.write_in_vain, ("data/pages/a/p0001.png",), 60.0)]))


_RENDER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from scribetune.documents import inputs, rendering
from scribetune.record import jobs
if __name__ == "__main__":
    with jobs.rule_job(SimpleNamespace(rule="render_pages", log=["logs/render.log"], output=[], wildcards={})):
        settings = rendering.RenderSettings(2000, "auto", 60.0, "test")
        rendering.render_shard(inputs.find_documents(Path(sys.argv[1])).documents, {}, settings, workers=1)
"""


@needs_a_disk
def test_on_a_disk_that_is_too_small_no_page_is_called_unreadable_and_all_is_made_when_there_is_room(
    tmp_path: Path,
) -> None:
    for seed in range(4):
        pdf_factory.healthy(tmp_path / "raw" / f"d{seed}.pdf", seed, pages=4)
    (tmp_path / "render.py").write_text(_RENDER, encoding="utf-8")
    (tmp_path / "disk").mkdir()
    command = f"{sys.executable} {tmp_path}/render.py {tmp_path}/raw"
    wrong = """grep -l '"status": "error"' data/pages/*/document.json"""
    first = f'{command}; echo "status $?"; {wrong}; sha256sum data/pages/*/*.png'
    grown = f"mount -o remount,size=64m {tmp_path}/disk && {command}; echo again $?; sha256sum data/pages/*/*.png"
    done = small_disk.run(tmp_path / "disk", "220k", f"{first}; echo ====; {grown}; ls data/pages/*/*.png | wc -l")
    before, after = done.stdout.split("====\n")
    assert "status 1" in before
    assert "document.json" not in before
    assert done.stderr.count("The disk is full") == 1
    assert "data/pages/" in done.stderr
    assert "Traceback" not in done.stderr
    assert "again 0" in after
    assert after.split()[-1] == "16"
    assert {line for line in before.splitlines() if line.endswith(".png")} <= set(after.splitlines())


def test_no_record_says_that_a_page_is_unreadable_where_there_was_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pdf_factory.healthy(tmp_path / "a.pdf", 1, pages=2)
    (document,) = inputs.find_documents(tmp_path).documents

    def full(path: Path, data: bytes, **_: Any) -> None:
        raise full_disk(no_room(), path, len(data))

    monkeypatch.setattr(files, "write_bytes", full)
    settings = rendering.RenderSettings(256, "auto", 30.0, "test")
    steps = rendering.render_document(document.id, str(document.path), "a.pdf", "", "0" * 64, settings)
    assert isinstance(next(steps), rendering.DocumentRow)
    with pytest.raises(DiskFullError):
        next(steps)
