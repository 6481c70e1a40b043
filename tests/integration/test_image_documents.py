"""Promise: a folder with a PDF, a PNG, a TIFF of two pages and a .docx becomes splits, once its images are labelled:
by a person, or, without a model, by two readers of lines (`scribetune teach rapidocr`).
"""

import csv
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from scribetune.core import config
from scribetune.core.files import read_jsonl
from scribetune.documents.inputs import document_id
from scribetune.labels import image_models, two_readings
from scribetune.models import examples
from scribetune.review import teacher
from scribetune.text import sharegpt
from support import pdf_factory
from support.build import snakemake

PHOTO = ("The orchard behind the chapel",)
FAX = (
    ("Notes on the foundry", "Twelve castings were made", "and three of them broke"),
    ("Prices at the market", "Apples went for four crowns", "and pears for seven"),
)


def picture(lines: tuple[str, ...]) -> Image.Image:
    image = Image.new("L", (600, 800), 255)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((60, 80 + 50 * number), line, fill=0, font_size=28)
    return image


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.skipif(not image_models.is_installed(), reason="rapidocr is not installed (make env)")
def test_images_labelled_by_people_and_by_two_readers_are_read_by_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "data" / "raw"
    pdf_factory.healthy(raw / "report.pdf", 3, pages=2)
    picture(PHOTO).save(raw / "photo.png")
    first, second = map(picture, FAX)
    first.save(raw / "fax.tiff", save_all=True, append_images=[second])
    (raw / "letter.docx").write_bytes(b"PK\x03\x04")

    snakemake(tmp_path, "labels")
    report = {row["path"]: row for row in rows(tmp_path / "reports" / "documents.csv")}
    assert (report["fax.tiff"]["status"], report["fax.tiff"]["reasons"]) == ("ok", "scan 2")
    assert report["photo.png"]["reasons"] == "scan 1"
    assert report["letter.docx"]["status"] == "not_read"
    assert "export it as PDF" in report["letter.docx"]["message"]

    photo, fax = document_id("photo.png"), document_id("fax.tiff")
    corrected = tmp_path / "data" / "corrections" / photo / "p0001.md"
    corrected.parent.mkdir(parents=True)
    corrected.write_text(f"<!-- reviewer: A. Mason -->\n# {PHOTO[0]}\n\nAll of it was painted in the year 1907.\n")
    done = teacher.teach(config.Config(), teacher.TWO_READERS, folder=tmp_path)
    assert (done.written, done.by_people, done.lines, done.agreed, done.below) == (2, 1, 6, 6, 0)

    snakemake(tmp_path, "splits")
    splits = [tmp_path / "data" / "splits" / f"{split}.jsonl" for split in ("train", "validation", "test")]
    records = [record for split in splits for record in read_jsonl(split)]
    by_id = {record["id"]: record for record in records}
    assert {record["document"] for record in records} == {"report", photo, fax}
    assert by_id[f"{photo}/p0001"]["label_source"] == "correction"
    monkeypatch.chdir(tmp_path)
    pages = {
        page.id: page
        for split in splits
        for record in list(read_jsonl(split))[:1]
        for page in examples.read_pages(split, sharegpt.said(record, "human") or "")
    }
    for number, lines in enumerate(FAX, start=1):
        record, page = by_id[f"{fax}/p{number:04d}"], pages[f"{fax}/p{number:04d}"]
        assert record["label_source"] == "teacher"
        who, unsure, *_ = (
            (tmp_path / f"data/corrections/{fax}/p{number:04d}.md").read_text(encoding="utf-8").split("\n")
        )
        assert who == f"<!-- teacher: {two_readings.readers()} -->"
        assert unsure.startswith("<!-- unsure: 0 of 3 lines")
        assert page.answer.split() == " ".join(lines).split()
        assert Image.open(page.image).size[1] > 0
    assert len(pages) == len(records)
