"""Promises about agreement: labels are compared with OCR where asked, and the log says what that cost."""

import re
import shutil
from pathlib import Path

import pytest

from scribetune.core.errors import UserError
from scribetune.documents.inputs import Document
from scribetune.labels import agreement, reader, shard
from support import pdf_factory


def test_agreement_counts_words_whatever_their_order_and_case() -> None:
    assert agreement.words_f("# Net income\n\n| a | b |\n|---|---|\n", "NET a b income") == 1.0
    assert agreement.words_f("one two", "one three four") == pytest.approx(0.4)
    assert agreement.words_f("", "") == 1.0


def test_a_missing_program_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="no program of that name is installed"):
        agreement.require("tesseract", "eng")


@pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed (apt-get install tesseract-ocr)"
)
def test_a_right_label_agrees_with_the_page_image(tmp_path: Path) -> None:
    settings = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test", agreement="tesseract")
    path = pdf_factory.healthy(tmp_path / "a.pdf", 7)
    assert reader.PageReader(str(path), "", settings).read(0).agreement > 0.9
    with pytest.raises(UserError, match="no data for xyz"):
        agreement.require("tesseract", "eng+xyz")


@pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed (apt-get install tesseract-ocr)"
)
def test_the_log_says_what_each_page_of_ocr_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test", agreement="tesseract")
    path = pdf_factory.healthy(tmp_path / "a.pdf", 7, pages=2)
    with caplog.at_level("INFO"):
        shard.label_shard([Document("a", path, "a.pdf")], {"a": ("sha", [1, 2])}, {}, {}, settings, workers=1)
    costs = re.findall(r"OCR of a page (\d): (\d+\.\d\d) s", caplog.text)
    assert [page for page, _ in costs] == ["1", "2"]
    assert all(0 < float(seconds) < 60 for _, seconds in costs)
    assert re.search(r"OCR of 2 pages: \d+\.\d s, \d+\.\d\d s a page", caplog.text)
