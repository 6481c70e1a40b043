"""Promise: a folder with a PDF, a PNG, a TIFF of two pages and a .docx becomes splits, once its images are labelled."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from scribetune.documents.inputs import document_id
from support import pdf_factory
from support.build import snakemake

WORDS = {"photo.png": ["The orchard behind the chapel"], "fax.tiff": ["Notes on the foundry", "Prices at the market"]}


def picture(text: str) -> Image.Image:
    image = Image.new("L", (600, 800), 255)
    ImageDraw.Draw(image).text((60, 80), text, fill=0)
    return image


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_images_with_corrections_go_into_splits(tmp_path: Path) -> None:
    raw = tmp_path / "data" / "raw"
    pdf_factory.healthy(raw / "report.pdf", 3, pages=2)
    picture(WORDS["photo.png"][0]).save(raw / "photo.png")
    first, second = map(picture, WORDS["fax.tiff"])
    first.save(raw / "fax.tiff", save_all=True, append_images=[second])
    (raw / "letter.docx").write_bytes(b"PK\x03\x04")

    snakemake(tmp_path, "labels")
    report = {row["path"]: row for row in rows(tmp_path / "reports" / "documents.csv")}
    assert (report["fax.tiff"]["status"], report["fax.tiff"]["reasons"]) == ("ok", "scan 2")
    assert report["photo.png"]["reasons"] == "scan 1"
    assert report["letter.docx"]["status"] == "not_read"
    assert "export it as PDF" in report["letter.docx"]["message"]

    for name, texts in WORDS.items():
        for page, text in enumerate(texts, start=1):
            target = tmp_path / "data" / "corrections" / document_id(name) / f"p{page:04d}.md"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(f"<!-- reviewer: A. Mason -->\n# {text}\n\nAll of it was painted in the year 1907.\n")
    snakemake(tmp_path, "splits")
    records = [
        json.loads(line)
        for split in ("train", "validation", "test")
        for line in (tmp_path / "data" / "splits" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    by_document = {record["document"]: record for record in records}
    assert set(by_document) == {"report", document_id("photo.png"), document_id("fax.tiff")}
    assert by_document[document_id("photo.png")]["label_source"] == "correction"
    assert len([record for record in records if record["document"] == document_id("fax.tiff")]) == 2
    assert all((tmp_path / record["images"][0]).is_file() for record in records)
