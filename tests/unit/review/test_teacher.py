"""Promises about a teacher model: it labels what the machine could not, and never overwrites people."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from scribetune import generation
from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.dataset.selection import Reason, refuse
from scribetune.generation import Prediction
from scribetune.labels import image_models, two_readings
from scribetune.labels.corrections import correct, read_correction, with_unsure
from scribetune.labels.rows import LabelStatus, row_without_label
from scribetune.review import teacher


class StandIn:
    """A reader that reads "scan" and never comes to the end of the second page."""

    prompt = "read"

    def __init__(self, settings: config.Config, model: str) -> None: ...

    def stream(self, pages: Sequence[Any]) -> Iterator[tuple[int, Prediction]]:
        for index, page in enumerate(pages):
            stop = "length" if page.page == 2 else "eos"
            yield index, Prediction(page.id, page.document, page.page, "", "", "# Scan\n", 3, stop)  # type: ignore[arg-type]


def make_model(folder: Path) -> None:
    """Write what a model's folder is known by."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "deepseek_ocr2"}', encoding="utf-8")
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")  # no tensor


def test_a_teacher_labels_refused_pages_and_never_overwrites_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(generation, "Reader", StandIn)
    for name in ("models/merged", "other"):
        make_model(Path(name))
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


def test_a_teacher_writes_no_label_where_a_documents_corrections_are_a_link_to_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(generation, "Reader", StandIn)
    make_model(Path("models/merged"))
    Path("page.png").write_bytes(b"image")
    teacher.SELECTION.parent.mkdir(parents=True)
    teacher.SELECTION.write_text("document,page,image,reason\na,1,page.png,scan\n", encoding="utf-8")
    Path("outside").mkdir()
    Path("data/corrections").mkdir()
    Path("data/corrections/a").symlink_to(tmp_path / "outside")
    with pytest.raises(UserError, match=r"data/corrections/a is a link.*outside(.|\n)*put a folder in its place"):
        teacher.teach(config.Config(), "models/merged")
    assert list(Path("outside").iterdir()) == []


def test_reasons_that_no_model_can_mend_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_model(Path("model"))
    with pytest.raises(UserError, match="duplicate"):
        teacher.teach(config.Config(), "model", ["duplicate"])
    with pytest.raises(UserError, match="does not exist"):
        teacher.teach(config.Config(), "model")


def scan_of(lines: Sequence[str], path: Path) -> None:
    """Draw lines of text as an image."""
    page = pymupdf.open().new_page(width=400, height=60 + 30 * len(lines))
    for number, line in enumerate(lines):
        page.insert_text((30, 50 + 30 * number), line, fontsize=14)
    page.get_pixmap(dpi=150).save(path)


@pytest.mark.skipif(not image_models.is_installed(), reason="rapidocr is not installed (make env)")
def test_two_readers_teach_scans_without_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ("Invoice 2041 of the brewery", "Twelve barrels of dark beer", "to be paid within ten days")
    scan_of(lines, Path("page.png"))
    teacher.SELECTION.parent.mkdir(parents=True)
    teacher.SELECTION.write_text("document,page,image,reason\na,1,page.png,scan\n", encoding="utf-8")
    settings = config.Config()
    done = teacher.teach(settings, "rapidocr")
    assert (done.written, done.lines, done.agreed, done.below) == (1, 3, 3, 0)
    written = read_correction(Path("data/corrections/a/p0001.md"))
    assert written.text == "\n".join(lines) + "\n"
    assert (written.source, written.author, written.agreement) == ("teacher", two_readings.readers(), 1.0)


def test_lines_that_two_readers_read_differently_are_named_and_keep_a_page_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    unsure = [{"label": "9.00 -- paid", "image": "3.00 -- paid", "place": "10,20–60,40 px"}]
    path = Path("data/corrections/a/p0001.md")
    path.parent.mkdir(parents=True)
    text = with_unsure("rapidocr and tesseract", "Total\n9.00 -- paid", unsure, 2)
    assert text.split("\n")[1].count("--") == 2  # of the comment itself
    path.write_text(text, encoding="utf-8")
    row = correct(row_without_label("a", 1, LabelStatus.NO_TEXT, ""), path)
    assert row.label_source == "teacher"
    assert row.agreement == 0.5
    assert json.loads(row.disagreements) == unsure
    assert "“9.00 -- paid” or “3.00 -- paid” at 10,20–60,40 px" in row.message
    assert Path(row.label).read_text(encoding="utf-8") == "Total\n9.00 -- paid\n"
    gates = {"status_page": "scan", "status_label": row.status, **vars(row)}
    assert refuse(gates, config.Selection()) is Reason.LOW_AGREEMENT
    assert refuse({**gates, "agreement": 0.9}, config.Selection()) is Reason.ACCEPTED
