"""Promises about trust: labels are compared with OCR where asked, and a teacher's labels are told from people's."""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from scribetune import generation
from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.documents.inputs import Document
from scribetune.generation import Prediction
from scribetune.labels import agreement, corrections, reader, shard
from scribetune.review import teacher
from support import pdf_factory


def test_agreement_counts_words_whatever_their_order_and_case() -> None:
    assert agreement.words_f("# Net income\n\n| a | b |\n|---|---|\n", "NET a b income") == 1.0
    assert agreement.words_f("one two", "one three four") == pytest.approx(0.4)
    assert agreement.words_f("", "") == 1.0


def test_a_missing_program_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="no program of that name is installed"):
        agreement.require("eng")


@pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed (apt-get install tesseract-ocr)"
)
def test_a_right_label_agrees_with_the_page_image(tmp_path: Path) -> None:
    settings = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test", agreement="tesseract")
    path = pdf_factory.healthy(tmp_path / "a.pdf", 7)
    assert reader.PageReader(str(path), "", settings).read(0).agreement > 0.9
    with pytest.raises(UserError, match="no data for xyz"):
        agreement.require("eng+xyz")


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


def test_a_correction_says_who_or_what_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "p0001.md"
    path.write_text("<!-- teacher: models/merged -->\n# Read\n", encoding="utf-8")
    assert corrections.read_correction(path) == corrections.Correction("# Read\n", "teacher", "models/merged")
    path.write_text("# By hand\n", encoding="utf-8")
    assert corrections.read_correction(path) == corrections.Correction("# By hand\n", "correction", "")


class StandIn:
    """A reader that reads "scan" and never comes to the end of the second page."""

    prompt = "read"

    def __init__(self, settings: config.Config, model: str) -> None: ...

    def stream(self, pages: Sequence[Any]) -> Iterator[tuple[int, Prediction]]:
        for index, page in enumerate(pages):
            stop = "length" if page.page == 2 else "eos"
            yield index, Prediction(page.id, page.document, page.page, "", "", "# Scan\n", 3, stop)  # type: ignore[arg-type]


def test_a_teacher_labels_refused_pages_and_never_overwrites_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(generation, "Reader", StandIn)
    Path("page.png").write_bytes(b"image")
    rows = [("a", 1, "scan"), ("a", 2, "scan"), ("a", 3, "no_text"), ("a", 4, ""), ("a", 5, "duplicate")]
    teacher.SELECTION.parent.mkdir(parents=True)
    lines = ["document,page,image,reason", *(f"{name},{page},page.png,{reason}" for name, page, reason in rows)]
    teacher.SELECTION.write_text("\n".join(lines) + "\n", encoding="utf-8")
    human = Path("data/corrections/a/p0003.md")
    human.parent.mkdir(parents=True)
    human.write_text("<!-- reviewer: Ada -->\n# Mine\n", encoding="utf-8")
    done = teacher.teach(config.Config(), "models/merged")
    assert done == teacher.Teaching(written=1, by_people=1, unfinished=1, empty=0)
    assert Path("data/corrections/a/p0001.md").read_text(encoding="utf-8").startswith("<!-- teacher: models/merged -->")
    assert "Mine" in human.read_text(encoding="utf-8")
    assert not Path("data/corrections/a/p0002.md").exists()
    # Labels of a teacher can be made anew.
    assert teacher.teach(config.Config(), "other").written == 1


def test_reasons_that_no_model_can_mend_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="duplicate"):
        teacher.teach(config.Config(), "model", ["duplicate"])
    with pytest.raises(UserError, match="does not exist"):
        teacher.teach(config.Config(), "model")
