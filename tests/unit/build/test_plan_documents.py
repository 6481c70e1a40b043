"""Promises about what a build takes for its input documents, and for what people say of them."""

import os
from pathlib import Path

import pytest

from scribetune.build.plan_documents import input_documents
from scribetune.core import config
from scribetune.core.errors import UserError

CORRECTIONS = Path("data/corrections")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one PDF and one human label."""
    monkeypatch.chdir(tmp_path)
    for path, text in (("data/raw/memo.pdf", "%PDF-1.7"), ("data/corrections/memo/p0001.md", "# Memo\n")):
        Path(path).parent.mkdir(parents=True)
        Path(path).write_text(text, encoding="utf-8")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/p0002.md").write_text("secret", encoding="utf-8")
    return tmp_path


def labels() -> list[str]:
    documents = input_documents(config.Config())
    (shard,) = documents.shards
    return documents.corrections(shard)


def test_labels_of_people_are_files_of_their_folder() -> None:
    assert labels() == ["data/corrections/memo/p0001.md"]


def test_the_whole_folder_of_corrections_may_be_a_link(folder: Path) -> None:
    CORRECTIONS.rename(folder / "outside/corrections")
    CORRECTIONS.symlink_to(folder / "outside/corrections")
    assert labels() == ["data/corrections/memo/p0001.md"]


@pytest.mark.usefixtures("in_a_minute")
def test_a_label_that_is_a_link_to_elsewhere_or_no_file_is_refused_before_any_job(folder: Path) -> None:
    page = CORRECTIONS / "memo/p0002.md"
    page.symlink_to(folder / "outside/p0002.md")
    with pytest.raises(
        UserError, match=r"outside/p0002.md would be read(?s:.*)memo/p0002.md(?s:.*)in the link's place"
    ):
        labels()
    for target in ("/dev/zero", "gone", ""):
        page.unlink()
        if target:
            page.symlink_to(target)
        else:
            os.mkfifo(page)
        with pytest.raises(UserError, match=r"is no file of that folder(?s:.*)memo/p0002.md"):
            labels()
    page.unlink()
    (CORRECTIONS / "invoice").symlink_to(folder / "outside")
    with pytest.raises(UserError, match=r"corrections/invoice/p0002.md"):
        labels()
