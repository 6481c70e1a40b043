"""Promises about what every rule's script does around its `main`."""

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from scribetune.core import progress
from scribetune.record.jobs import rule_job


@pytest.fixture
def logging_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the root logger's handlers back: a job takes them for its log."""
    monkeypatch.setenv(progress.JOB, "")  # set by the job; undone here
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.mark.usefixtures("logging_as_before")
def test_lines_of_progress_name_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_FIRST_AFTER_S", 0)
    log = str(tmp_path / "label.log")
    job = SimpleNamespace(rule="label_pages", log=[log], wildcards={"shard": "000-of-004"}, output=[])
    with rule_job(job), progress.bar("Labelling", 2, "documents") as advance:
        advance()
    assert capsys.readouterr().err == "label_pages/000-of-004: labelling, 1 of 2 documents, 0 s\n"
