"""Promises about a retention set of one's own PDFs: pages of many documents with their text."""

import json
import logging
from pathlib import Path

import pytest
from PIL import Image

from scribetune.core.errors import UserError
from scribetune.documents.inputs import find_documents
from scribetune.labels import retention_pages
from scribetune.labels.reader import LabelSettings
from scribetune.labels.retention_pages import ReadPage
from support import pdf_factory

SETTINGS = LabelSettings("keep", "markdown", "alt", "use", 30.0, "code")


def test_pages_of_pdfs_become_records_and_what_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").mkdir()
    pdf_factory.healthy(tmp_path / "kept/one.pdf", 1, pages=2)
    (tmp_path / "kept/broken.pdf").write_bytes(b"no PDF at all")
    with caplog.at_level(logging.WARNING):
        pages = retention_pages.read(find_documents(Path("kept")).documents, SETTINGS, 300, 1)
    assert "broken.pdf" in caplog.text
    assert [page.page for page in pages] == [1, 2]
    retention_pages.write(pages, "<image>\nRead. ", Path("out/pages.jsonl"))
    records = [json.loads(line) for line in Path("out/pages.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [record["category"] for record in records] == ["retention", "retention"]
    assert records[0]["id"].startswith("retention-one")
    assert max(Image.open(records[0]["images"][0]).size) == 300
    assert len(records[0]["conversations"][1]["value"]) > 20


def test_pages_are_dealt_over_the_documents() -> None:
    pages = [ReadPage(name, number, b"", "text", is_usable=True) for name in "abc" for number in range(1, 6)]
    assert [page.document for page in retention_pages.chosen(pages, 3)] == ["a", "b", "c"]
    assert [page.document for page in retention_pages.chosen(pages, 5)] == ["a", "a", "b", "b", "c"]
    assert retention_pages.chosen(pages, 4) == retention_pages.chosen(pages[::-1], 4)
    assert len(retention_pages.chosen(pages, 99)) == 15


def test_a_folder_without_a_page_of_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No page of retention\.folder"):
        retention_pages.write([], "prompt", tmp_path / "pages.jsonl")
