"""Promises about headers and feet: read row by row before and after all else, and told by other pages."""

from collections.abc import Sequence
from pathlib import Path

import pymupdf

from scribetune.labels import reader, running_lines, sampled_pages

SETTINGS = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")
TEXTS = ["The house was built in a year of plenty.", "Its garden lies behind it.", "A well stands by the gate of it."]


def document(texts: Sequence[str]) -> pymupdf.Document:
    pdf = pymupdf.open()
    for number, text in enumerate(texts, start=1):
        page = pdf.new_page(width=500, height=700)
        # In no order, as programs write them.
        page.insert_text((40, 660), "Revision: 1.0", fontsize=8)
        page.insert_text((360, 60), f"Page {number} of {len(texts)}", fontsize=9)
        page.insert_text((40, 100), f"{number} Of the house", fontsize=12, fontname="hebo")
        page.insert_text((40, 130), text, fontsize=10)
        page.insert_text((200, 60), "Material: 054", fontsize=9)
        page.insert_text((40, 60), "Revised: 2018", fontsize=9)
        page.insert_text((360, 660), "Printed: 2019", fontsize=8)
    return pdf


def label(pdf: pymupdf.Document, folder: Path, page: int) -> list[str]:
    pdf.save(folder / "house.pdf")
    read = reader.PageReader(str(folder / "house.pdf"), "", SETTINGS).read(page)
    assert read.word_recall == read.word_precision == 1.0
    return read.text.strip().split("\n\n")


def test_headers_and_feet_are_read_row_by_row(tmp_path: Path) -> None:
    assert label(document(TEXTS), tmp_path, 1) == [
        "Revised: 2018",
        "Material: 054",
        "Page 2 of 3",
        "# 2 Of the house",
        TEXTS[1],
        "Revision: 1.0",
        "Printed: 2019",
    ]


def test_what_stands_on_one_page_only_does_not_run_along() -> None:
    sample = sampled_pages.of_document(document(TEXTS))
    running = running_lines.of_sample(sample)
    assert {text for _, text in running.texts} == {
        "Revised:0",
        "Material:0",
        "Page0of0",
        "0Ofthehouse",
        "Revision:0.0",
        "Printed:0",
    }
    assert sampled_pages.of_document(document(TEXTS[:1])) == []
    assert running_lines.of_sample([]).texts == ()
